// @vitest-environment jsdom
/** The form as a person meets it: keys, focus, labels. */
import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { RequestBody, Reply } from "../../src/shared/panel-messages";
import { DownloadButton } from "../../src/sidepanel/components/download-button";
import { DownloadForm } from "../../src/sidepanel/components/download-form";
import { Welcome } from "../../src/sidepanel/components/welcome";
import { ModelDownload } from "../../src/sidepanel/state/model-download";
import { PULLED } from "./samples";

let requests: RequestBody[];
let abandoned: number[];
let receive: (reply: Reply) => void;
let download: ModelDownload;

function show(isConnected = true): void {
  void act(() => {
    render(
      <>
        <DownloadButton download={download} />
        <DownloadForm download={download} isConnected={isConnected} />
        <textarea data-testid="composer" />
      </>,
      document.body,
    );
  });
}

function find(testId: string): HTMLElement {
  const element = document.querySelector<HTMLElement>(`[data-testid=${testId}]`);
  if (!element) throw new Error(`${testId} is not shown.`);
  return element;
}

function field(): HTMLInputElement {
  return find("download-name") as HTMLInputElement;
}

function isOpen(): boolean {
  return document.querySelector("[data-testid=download-form]") !== null;
}

function click(testId: string): void {
  void act(() => {
    find(testId).click();
  });
}

function type(text: string): void {
  void act(() => {
    field().value = text;
    field().dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/** jsdom does not submit a form by itself on Enter; a browser does what this does. */
function pressEnter(): void {
  void act(() => {
    field().form?.requestSubmit();
  });
}

function hear(reply: Reply): void {
  void act(() => {
    receive(reply);
  });
}

beforeEach(() => {
  vi.stubGlobal("chrome", { ...chrome, runtime: { id: "abcdef" } });
  requests = [];
  abandoned = [];
  download = new ModelDownload({
    link: {
      request: (body, onReply) => {
        receive = onReply;
        return requests.push(body);
      },
      abandon: (id) => abandoned.push(id),
    },
    onArrived: () => undefined,
    schedule: (notify) => {
      notify();
    },
  });
  show();
});

afterEach(() => {
  render(null, document.body);
});

it("opens with the focus in its field, and Escape gives the focus back to the button", () => {
  click("download-model");
  expect(document.activeElement).toBe(field());
  expect(find("download-model").getAttribute("aria-expanded")).toBe("true");
  void act(() => {
    field().dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  });
  expect(isOpen()).toBe(false);
  expect(document.activeElement).toBe(find("download-model"));
});

it("Enter begins the download; then Cancel stands where Download was, and Enter does nothing", () => {
  click("download-model");
  type("org/tiny-GGUF");
  pressEnter();
  pressEnter();
  expect(requests).toEqual([{ action: "pull_model", model: "org/tiny-GGUF" }]);
  expect(field().readOnly).toBe(true);
  click("download-cancel");
  expect(abandoned).toEqual([1]);
  expect(document.activeElement).toBe(field());
  expect(find("download-form").textContent).toContain("Cancelled.");
});

it("nothing begins by a blank name or without a host", () => {
  click("download-model");
  expect(find("download-start").hasAttribute("disabled")).toBe(true);
  show(false);
  type("org/tiny-GGUF");
  expect(find("download-start").hasAttribute("disabled")).toBe(true);
  pressEnter();
  expect(requests).toEqual([]);
});

it("shows all of it, and the file at hand, as bars with names", () => {
  click("download-model");
  type("org/big");
  pressEnter();
  expect(document.querySelector("progress")?.hasAttribute("value")).toBe(false);
  const file = { file: "b.gguf", file_done: 1e6, file_total: 2e6 };
  hear({ event: "progress", stage: "downloading", done: 3e6, total: 4e6, unit: "bytes", bytes_per_second: 1e6, seconds_left: 1, ...file });
  const bars = [...document.querySelectorAll("progress")];
  expect(bars.map((bar) => [bar.getAttribute("aria-label"), bar.value])).toEqual([["Download", 0.75], ["b.gguf", 0.5]]);
  expect(find("download-amount").textContent).toBe("3.0 MB of 4.0 MB");
  expect(find("download-pace").textContent).toBe("1.0 MB/s · 1 second left");
  expect(find("download-model").title).toBe("Downloading, 75%");
});

it("closes when the model is there, says so, and hands the focus to the question", () => {
  click("download-model");
  type("org/tiny-GGUF");
  pressEnter();
  hear({ event: "done", result: PULLED });
  expect(isOpen()).toBe(false);
  expect(document.activeElement).toBe(find("composer"));
  expect(document.querySelector("[role=status]")?.textContent).toBe(`${PULLED.model} is downloaded and selected`);
});

it("opens by itself to tell of a failure, without taking the focus from what is being written", () => {
  click("download-model");
  type("org/tiny-GGUF");
  pressEnter();
  click("download-model");
  find("composer").focus();
  hear({ event: "error", error: { code: "gated", message: "Ask its authors.", details: {}, retryable: false } });
  expect(find("error-box").textContent).toContain("Ask its authors.");
  expect(find("error-box").dataset["scope"]).toBe("download");
  expect(field().value).toBe("org/tiny-GGUF");
  expect(document.activeElement).toBe(find("composer"));
});

it("is offered by the welcome where there is no model", () => {
  const onDownload = vi.fn();
  const welcome = (hasModels: boolean): void => {
    void act(() => {
      render(<Welcome hasModels={hasModels} onDownload={onDownload} problem={null} />, document.body);
    });
  };
  welcome(true);
  expect(document.querySelector("button")).toBeNull();
  welcome(false);
  click("welcome-download");
  expect(onDownload).toHaveBeenCalledOnce();
});
