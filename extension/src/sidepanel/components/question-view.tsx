/** What the person asked, as they typed it. */
import type { JSX } from "preact";
import { t } from "../i18n";
import type { Question } from "../state/conversation";
import { PlainText } from "./plain-text";

export function QuestionView({ question }: { question: Question }): JSX.Element {
  return (
    <li class="question" data-testid="message" data-role="user" data-state="complete">
      <span class="visually-hidden">{t("you_said")}</span>
      <div dir="auto">
        <PlainText text={question.text} />
      </div>
    </li>
  );
}
