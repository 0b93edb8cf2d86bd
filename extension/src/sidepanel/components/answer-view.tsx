/** An answer: what was thought before, its text as far as it has come, how it ended, and what can be done with it. */
import type { JSX } from "preact";
import { t } from "../i18n";
import { isThinking, isUnanswered, isUnderWay, type Answer } from "../state/conversation";
import { CopyButton } from "./copy-button";
import { FailureBox } from "./failure-box";
import { MarkdownView } from "./markdown-view";
import { RetryButton } from "./retry-button";
import { ThoughtsView } from "./thoughts-view";
import { UnansweredActions } from "./unanswered-actions";

interface AnswerViewProps {
  answer: Answer;
  canRetry: boolean;
  onRetry: () => void;
  onEdit: () => void;
  onDrop: () => void;
}

export function AnswerView({ answer, canRetry, onRetry, onEdit, onDrop }: AnswerViewProps): JSX.Element {
  const { text, reasoning, state, failure, summary } = answer;
  const thoughts = reasoning.trim();
  return (
    <li class="answer" data-testid="message" data-role="assistant" data-state={state} aria-busy={isUnderWay(answer)}>
      <span class="visually-hidden">{t("answer_by")}</span>
      {isUnderWay(answer) && text.trim() === "" && thoughts === "" && <Waiting />}
      {thoughts !== "" && <ThoughtsView thoughts={thoughts} isThinking={isThinking(answer)} />}
      <MarkdownView markdown={text} />
      {summary?.finishReason === "length" && <p class="note">{t("answer_cut")}</p>}
      {summary?.fallbackTemplate !== undefined && (
        <p class="note" data-testid="fallback-template">
          {t("answer_fallback_template", summary.fallbackTemplate)}
        </p>
      )}
      {summary?.hasNewTemplate === true && (
        <p class="note" data-testid="new-template">
          {t("answer_new_template")}
        </p>
      )}
      {answer.isShortened === true && <p class="note">{t("answer_shortened")}</p>}
      {failure && <FailureBox failure={failure} scope="answer" onRetry={canRetry ? onRetry : null} />}
      {!isUnderWay(answer) && !failure && (
        <div class="answer-actions">
          {state === "stopped" && <span class="chip">{t("answer_stopped")}</span>}
          {text !== "" && <CopyButton text={text} label={t("copy_answer")} />}
          {state === "stopped" && canRetry && <RetryButton onRetry={onRetry} />}
        </div>
      )}
      {isUnanswered(answer) && <UnansweredActions onEdit={onEdit} onDrop={onDrop} />}
    </li>
  );
}

function Waiting(): JSX.Element {
  return (
    <span class="waiting" role="img" aria-label={t("answer_waiting")}>
      <i />
      <i />
      <i />
    </span>
  );
}
