/** What a model thought before its answer: folded away, and text as it is, never Markdown. */
import type { JSX } from "preact";
import { t } from "../i18n";
import { ChevronIcon } from "./icons";
import { PlainText } from "./plain-text";

interface ThoughtsViewProps {
  /** Without white space around it. */
  thoughts: string;
  /** They are still coming: the folded line shows the newest of them. */
  isThinking: boolean;
}

export function ThoughtsView({ thoughts, isThinking }: ThoughtsViewProps): JSX.Element {
  return (
    <details class="thoughts" data-testid="thoughts" data-thinking={isThinking}>
      <summary>
        <ChevronIcon />
        <span class="thoughts-label">{t(isThinking ? "answer_thinking" : "answer_thoughts")}</span>
        {isThinking && (
          <span class="thoughts-newest" aria-hidden="true">
            <span>{lastLine(thoughts)}</span>
          </span>
        )}
      </summary>
      <div class="thoughts-text" data-testid="thoughts-text" dir="auto">
        <PlainText text={thoughts} />
      </div>
    </details>
  );
}

/** More than a panel shows in one line. */
const NEWEST_CHARS = 500;

function lastLine(text: string): string {
  return text.slice(Math.max(text.lastIndexOf("\n") + 1, text.length - NEWEST_CHARS));
}
