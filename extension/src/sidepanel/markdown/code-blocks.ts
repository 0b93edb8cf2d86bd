/** Gives every code block of a sanitised answer a bar with its language and a copy button. */
import { copyText, COPIED_SHOWN_MS } from "../copy-text";
import { t } from "../i18n";

function languageOf(code: Element): string {
  return /^language-(.+)$/.exec(code.className)?.[1] ?? "";
}

function createCopyButton(code: Element): HTMLButtonElement {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "code-copy";
  button.textContent = t("copy");
  button.setAttribute("aria-label", t("copy_code"));
  button.addEventListener("click", () => {
    void copyText(code.textContent).then((isCopied) => {
      if (!isCopied) return;
      button.textContent = t("copied");
      setTimeout(() => (button.textContent = t("copy")), COPIED_SHOWN_MS);
    });
  });
  return button;
}

export function addCopyButtons(fragment: DocumentFragment): void {
  for (const code of fragment.querySelectorAll("pre > code")) {
    const pre = code.parentElement;
    if (!pre) continue;
    const block = document.createElement("div");
    block.className = "code-block";
    const bar = document.createElement("div");
    bar.className = "code-bar";
    const language = document.createElement("span");
    language.textContent = languageOf(code);
    bar.append(language, createCopyButton(code));
    pre.tabIndex = 0;
    pre.replaceWith(block);
    block.append(bar, pre);
  }
}
