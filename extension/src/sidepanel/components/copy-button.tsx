/** Copies a text, and says so for a moment. */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { COPIED_SHOWN_MS, copyText } from "../copy-text";
import { t } from "../i18n";
import { CheckIcon, CopyIcon } from "./icons";

export function CopyButton({ text, label }: { text: string; label: string }): JSX.Element {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => {
      setCopied(false);
    }, COPIED_SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [isCopied]);

  const shownLabel = isCopied ? t("copied") : label;
  return (
    <button
      type="button"
      class="icon-button small"
      aria-label={shownLabel}
      title={shownLabel}
      onClick={() => {
        void copyText(text).then(setCopied);
      }}
    >
      {isCopied ? <CheckIcon /> : <CopyIcon />}
    </button>
  );
}
