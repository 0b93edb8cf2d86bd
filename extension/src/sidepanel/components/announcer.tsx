/**
 * Tells a screen reader when an answer begins, is thought about and ends, never token by token. Failures announce themselves.
 */
import type { JSX } from "preact";
import { t } from "../i18n";
import { isThinking, lastAnswer, type Answer, type Conversation } from "../state/conversation";

function announcement(answer: Answer | null): string {
  switch (answer?.state) {
    case "waiting":
      return t("announce_answering");
    case "streaming":
      return t(isThinking(answer) ? "announce_thinking" : "announce_answering");
    case "complete":
      return t("announce_done");
    case "stopped":
      return t("announce_stopped");
    default:
      return "";
  }
}

export function Announcer({ conversation }: { conversation: Conversation }): JSX.Element {
  return (
    <div class="visually-hidden" role="status" aria-live="polite" data-testid="announcer">
      {announcement(lastAnswer(conversation))}
    </div>
  );
}
