// A TabAgent and a Chromium of their own: every directory in a temporary folder, the host registered by the real
// installer in the browser's profile.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { chromium } from "playwright-core";

export const ROOT = path.resolve(import.meta.dirname, "../..");
export const BIN = path.join(ROOT, ".venv", "bin");
const EXTENSION = path.join(ROOT, "extension", "dist");
const EXTENSION_ID = JSON.parse(readFileSync(path.join(ROOT, "extension", "identity.json"), "utf8")).chromium_id;

export const BROWSER = execFileSync("bash", [path.join(import.meta.dirname, "find-browser.sh")], { encoding: "utf8" }).trim();
export const OUTPUT = path.join(ROOT, "tests", "output");

export const QUESTION = "What is the capital of France?";
/** The model is still at it when the test has done what it wants to do meanwhile. */
export const LONG = "Write a very long story about a lighthouse keeper, with many chapters.";

const FLAGS = (extension) => [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-unsafe-extension-debugging",
  `--disable-extensions-except=${extension}`,
  `--load-extension=${extension}`,
];

/** A test with an installation, a browser and a panel of its own. `settings` are environment variables. */
export function panelTest(name, body, settings = {}) {
  test(name, { skip: BROWSER ? false : "no Chromium" }, async (t) => {
    const installation = new Installation(settings);
    try {
      const browser = await installation.browser();
      await body(t, { installation, browser, panel: await openPanel(browser) });
    } finally {
      await installation.close();
    }
  });
}

/** An installation with its own broker. Call `close` when done. */
export class Installation {
  constructor(settings = {}) {
    this.root = mkdtempSync(path.join(tmpdir(), "tabagent-e2e-"));
    const folders = ["CONFIG", "DATA", "STATE", "CACHE", "RUNTIME"].map((name) => [
      `TABAGENT_${name}_DIR`,
      path.join(this.root, name.toLowerCase()),
    ]);
    this.environ = {
      ...process.env,
      TABAGENT_IDLE_EXIT_S: "1",
      HF_HOME: path.join(this.root, "huggingface"),
      ...Object.fromEntries(folders),
      ...settings,
    };
    this.browsers = [];
  }

  /** A Chromium with an extension, in a profile of its own. `options` are those of `tabagent install`. */
  async browser({ registered = true, extension = EXTENSION, options = [] } = {}) {
    const profile = mkdtempSync(path.join(this.root, "profile-"));
    if (registered) this.register(profile, options);
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: BROWSER,
      headless: true,
      args: FLAGS(extension),
      env: this.environ,
      viewport: { width: 400, height: 720 },
    });
    this.browsers.push(context);
    return Object.assign(context, { profile });
  }

  /** `tabagent install` for a profile. */
  register(profile, options = []) {
    const command = ["install", "--profile-dir", profile, ...options];
    execFileSync(path.join(BIN, "tabagent"), command, { env: this.environ, stdio: "pipe" });
  }

  /** Our processes that are alive: `native_host.broker`, `backends.worker` or `native_host.host`. */
  processes(module) {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => {
        try {
          return (
            readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(module) &&
            readFileSync(`/proc/${pid}/environ`, "utf8").includes(this.environ.TABAGENT_RUNTIME_DIR) &&
            !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")
          );
        } catch {
          return false; // it ended while we looked
        }
      });
  }

  async close() {
    await Promise.all(this.browsers.map((browser) => browser.close()));
    for (const module of ["native_host.broker", "backends.worker"]) {
      for (const pid of this.processes(module)) process.kill(pid, "SIGKILL");
    }
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** The panel opened as a tab, with what a person does in it. */
export async function openPanel(browser) {
  const page = await browser.newPage();
  await page.goto(`chrome-extension://${EXTENSION_ID}/sidepanel.html`);
  // Greedy, so that the answers repeat.
  await page.evaluate(() => chrome.storage.local.set({ chatStyle: { options: { temperature: 0, max_tokens: 400 } } }));
  await page.reload();
  return new Panel(page);
}

export class Panel {
  constructor(page) {
    this.page = page;
    this.answers = page.locator('[data-testid=message][data-role=assistant]');
    this.stop = page.getByTestId("stop");
    this.errorBox = page.getByTestId("error-box");
    this.status = page.getByTestId("status");
  }

  async ready() {
    await this.page.waitForSelector("[data-testid=status][data-phase=ready]", { timeout: 30_000 });
  }

  async ask(text) {
    await this.ready();
    await this.page.getByTestId("composer").fill(text);
    await this.page.getByTestId("send").click();
  }

  /** The last answer once it is in one of the states: its text. */
  async answer(...states) {
    const wanted = states.length ? states : ["complete"];
    await this.page.waitForFunction(
      (states) => {
        const answers = [...document.querySelectorAll("[data-testid=message][data-role=assistant]")];
        return states.includes(answers.at(-1)?.dataset.state);
      },
      wanted,
      { timeout: 60_000 },
    );
    return (await this.answers.last().innerText()).trim();
  }

  /** Tokens of the last prompt and its answer, as the status line tells. */
  async usage() {
    await this.page.waitForFunction(() => / → /.test(document.querySelector("[data-testid=status]").innerText));
    const [, prompt, completion] = /(\d+) → (\d+) tokens/.exec((await this.status.innerText()).replaceAll(",", ""));
    return { prompt: Number(prompt), completion: Number(completion) };
  }

  /** Waits until the last answer has some text. */
  async streaming() {
    await this.page.waitForFunction(
      () => ([...document.querySelectorAll("[data-testid=message][data-role=assistant]")].at(-1)?.innerText.length ?? 0) > 20,
      undefined,
      { timeout: 60_000 },
    );
  }

  async screenshot(name) {
    mkdirSync(OUTPUT, { recursive: true });
    await this.page.screenshot({ path: path.join(OUTPUT, `${name}.png`) });
  }

  /** As tests/output/NAME.png and NAME-dark.png. */
  async screenshots(name) {
    await this.screenshot(name);
    await this.page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
    await this.screenshot(`${name}-dark`);
    await this.page.emulateMedia({ colorScheme: null, reducedMotion: null });
  }
}

/** CPU time of a process, in ticks of 10 ms. */
export function cpuTicks(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The condition's value once it is true. */
export async function eventually(condition, what, timeout = 10_000) {
  const deadline = Date.now() + timeout;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`did not happen: ${what}`);
    await sleep(50);
  }
}
