// @vitest-environment jsdom
/** Emphasis without spaces, text from right to left, and mathematics. */
import { expect, it } from "vitest";
import { parseMarkdown } from "../../src/sidepanel/markdown/parse-markdown";
import { renderInto } from "../../src/sidepanel/markdown/render-into";

/** Rendering that found no time goes on in later tasks. */
async function show(markdown: string): Promise<HTMLElement> {
  const box = document.createElement("div");
  renderInto(box, markdown);
  for (let step = 0; step < 50 && box.querySelector(".plain"); step += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return box;
}

it.each([
  ["**中文。**后面", "<strong>中文。</strong>后面"],
  ["这是**重点**，很好", "这是<strong>重点</strong>，很好"],
  ["这是**“重点”**的", "这是<strong>“重点”</strong>的"],
  ["他说**「你好」**然后", "他说<strong>「你好」</strong>然后"],
  ["使用**`code`**命令", "使用<strong><code>code</code></strong>命令"],
  ["太郎は**「こんにちは」**といった", "太郎は<strong>「こんにちは」</strong>といった"],
  ["**注意（重要）**请看", "<strong>注意（重要）</strong>请看"],
  ["**注意(重要)**请看", "<strong>注意(重要)</strong>请看"],
  ["*強調。*続く", "<em>強調。</em>続く"],
  ["***中文。***后面", "<em><strong>中文。</strong></em>后面"],
  ["**한국어(Korean)**는", "<strong>한국어(Korean)</strong>는"],
])("test_h20_ emphasis without spaces: %s", (markdown, html) => {
  expect(parseMarkdown(markdown).trim()).toBe(`<p>${html}</p>`);
});

it.each([
  ["a * b * c", "<p>a * b * c</p>"],
  ["2*3*4", "<p>2<em>3</em>4</p>"],
  ["snake_case_name", "<p>snake_case_name</p>"],
  ["a**\"b\"**c", "<p>a**&quot;b&quot;**c</p>"],
  ["**a *b* c** d", "<p><strong>a <em>b</em> c</strong> d</p>"],
  ["** 中文 **", "<p>** 中文 **</p>"],
  ["**bold**text and **more**.", "<p><strong>bold</strong>text and <strong>more</strong>.</p>"],
])("test_h20_ other emphasis is CommonMark's: %s", (markdown, html) => {
  expect(parseMarkdown(markdown).trim()).toBe(html);
});

it("test_h20_ every block has the direction of its text, code runs from the left", async () => {
  const box = await show("# עברית\n\nمرحبا **بكم**\n\n- واحد\n- two\n\n> اقتباس\n\n|أ|b|\n|-|-|\n|1|2|\n\n```\nx = 1\n```");
  for (const block of box.querySelectorAll("h1, p, li, th, td")) expect(block.getAttribute("dir")).toBe("auto");
  for (const block of box.querySelectorAll("ul, blockquote, table")) expect(block.getAttribute("dir")).toBe("rtl");
  expect(box.querySelector("pre")?.getAttribute("dir")).toBe("ltr");
});

it.each([
  ["\\(x^2\\)", "inline"],
  ["a $x_1$ b", "inline"],
  ["so ($a+b$), then", "inline"],
  ["中文$x$中文 是 $x$。", "inline"],
  ["$$\\frac{a}{b}$$", "block"],
  ["\\[\n\\begin{aligned}\na &= b \\\\\n+ c &= d\n\\end{aligned}\n\\]", "block"],
  ["Then:\n\\[\nx\n+ y\n\\]\nand so on", "block"],
  ["- a\n  \\[ x = 1 \\]", "block"],
  ["| a |\n|---|\n| \\(x\\) |", "inline"],
])("test_h20_ mathematics is shown: %s", async (markdown, display) => {
  const math = (await show(markdown)).querySelectorAll("math");
  expect(math.length).toBe(1);
  expect(math[0]?.getAttribute("display") === "block" ? "block" : "inline").toBe(display);
});

it.each([
  "It costs $5 and $6.", "US$5 or A$6", "$HOME/$USER and $PATH", "from $5-$10 a day", "`$x$`", "```\n$$x$$\n```", "\\$x\\$",
  "a $ b $ c", "$x", "\\(x", "\\[x", "$$x", "$ x $", "$$", "$$$$", "\\(\\)",
])("test_h20_ no mathematics: %s", async (markdown) => {
  const box = await show(markdown);
  expect(box.querySelector("math")).toBeNull();
  expect(box.querySelector("[class^=language-tex]")).toBeNull();
});

const ATTACKS = [
  "\\href{javascript:alert(1)}{x}", "\\url{https://evil.test}", "\\includegraphics{https://evil.test/x.png}", "\\class{failure}{x}",
  "\\id{root}{x}", "\\style{position:fixed;inset:0}{x}", "\\data{testid=error-box}{x}", "\\text{<img src=x onerror=alert(1)>}",
  "\\text{</mtext></math><img src=x onerror=alert(1)>}", "<img src=x onerror=alert(1)>", "\\unicode{x3c}img\\unicode{x3e}",
  "\\htmlClass{x}{y}", "\\color{red;background:url(https://evil.test)}x", "\\rule{10000em}{10000em}", "\\kern{-9999em}x", "\\hspace{9e9em}x",
  "\\raisebox{9999em}{x}", "\\def\\a{\\a\\a}\\a", "\\gdef\\x{<b>}\\x", "\\newcommand{\\b}{\\b\\b\\b}\\b", "\\ref{x}\\label{x}\\tag{<b>x</b>}",
  "{".repeat(1000), "{".repeat(1000) + "}".repeat(1000), "\\left(".repeat(500), "x^".repeat(500), "x_{".repeat(300) + "}".repeat(300),
  "\\sqrt ".repeat(1000) + "x", "\\hat ".repeat(700) + "x", "\\text{$".repeat(200), "\\frac".repeat(400), "&".repeat(3000), "\\\\".repeat(1500), "'".repeat(3000),
  "\\begin{matrix}".repeat(100), "\\mathchoice{a}{b}{c}{d}".repeat(100), "\\cancel{x}", "\\char`<", "\\begin{CD} A @>>> B \\end{CD}", "\\ce{H2O}", "\\verb|<b>|",
  "\u202eabc", "x".repeat(3900),
];
const TAGS = /^(?:p|br|ul|ol|li|code|em|strong|del|a|hr|blockquote|h\d|pre|div|span|button|table|thead|tbody|tr|t[hd]|math|m[a-z]+|none)$/;

it.each(ATTACKS)("test_h20_ a formula does no harm and costs little: %s", async (tex) => {
  for (const markdown of [`\\(${tex}\\)`, `$$${tex}$$`, `\\[\n${tex}\n\\]`, `a $${tex}$ b`]) {
    const start = performance.now();
    const box = await show(markdown);
    expect(performance.now() - start).toBeLessThan(3000);
    expect(box.textContent).not.toBe("");
    for (const element of box.querySelectorAll("*")) {
      expect(element.localName).toMatch(TAGS);
      for (const { name, value } of element.attributes) {
        expect(name).not.toMatch(/^(?:on|style|src|id|xlink|data)/);
        if (name === "href") expect(value).toMatch(/^https?:/);
        const size = /^-?(\d+(?:\.\d+)?)(?:em|pt|px)$/.exec(value)?.[1];
        expect(Number(size ?? 0)).toBeLessThanOrEqual(100);
      }
    }
  }
});

it("test_h20_ many formulas cost little; those past the bound stay TeX", async () => {
  const markdown = Array.from({ length: 120 }, (_, n) => `$x_{${n}}$`).join(" ");
  const box = await show(markdown);
  expect(box.querySelectorAll("math").length).toBe(100);
  expect(box.querySelectorAll("code").length).toBe(20);
  expect(box.textContent).toContain("x_{119}");
});
