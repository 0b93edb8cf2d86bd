/** What a person can do with a question that was not answered. */
import type { JSX } from "preact";
import { t } from "../i18n";

interface UnansweredActionsProps {
  onEdit: () => void;
  onDrop: () => void;
}

export function UnansweredActions({ onEdit, onDrop }: UnansweredActionsProps): JSX.Element {
  return (
    <div class="answer-actions unanswered">
      <button type="button" class="text-button" data-testid="edit-question" onClick={onEdit}>
        {t("edit_question")}
      </button>
      <button
        type="button"
        class="text-button"
        data-testid="drop-question"
        onClick={() => {
          onDrop();
          // The button goes away with the question: the focus needs another place.
          document.querySelector<HTMLElement>("[data-testid=composer]")?.focus();
        }}
      >
        {t("drop_question")}
      </button>
    </div>
  );
}
