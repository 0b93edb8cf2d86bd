/** Where a question is written. Enter sends, Shift+Enter begins a new line; the field grows with its text. */
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import { SendIcon, StopIcon } from "./icons";

interface ComposerProps {
  /** A question to edit. */
  draft: { text: string } | null;
  canAsk: boolean;
  isAnswering: boolean;
  /** Tells whether the text was taken. */
  onSend: (text: string) => boolean;
  onStop: () => void;
}

export function Composer({ draft, canAsk, isAnswering, onSend, onStop }: ComposerProps): JSX.Element {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    field.current?.focus();
  }, []);

  useEffect(() => {
    if (draft === null) return;
    setText((typed) => (typed.trim() === "" ? draft.text : `${draft.text}\n${typed}`));
    field.current?.focus();
  }, [draft]);

  useLayoutEffect(() => {
    if (!field.current) return;
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight}px`;
  }, [text]);

  function send(): void {
    if (onSend(text)) setText("");
    field.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    // While an input method composes a word, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    if (!isAnswering) send();
  }

  function stop(): void {
    onStop();
    field.current?.focus();
  }

  return (
    <div class="composer">
      <textarea
        ref={field}
        rows={1}
        dir="auto"
        data-testid="composer"
        aria-label={t("composer_label")}
        placeholder={t("composer_placeholder")}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
        }}
        onKeyDown={onKeyDown}
      />
      {isAnswering ? (
        <button type="button" class="round-button" data-testid="stop" aria-label={t("stop")} title={t("stop")} onClick={stop}>
          <StopIcon />
        </button>
      ) : (
        <button
          type="button"
          class="round-button primary"
          data-testid="send"
          aria-label={t("send")}
          title={t("send")}
          disabled={!canAsk || text.trim() === ""}
          onClick={send}
        >
          <SendIcon />
        </button>
      )}
    </div>
  );
}
