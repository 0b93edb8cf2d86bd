/** What went wrong, what to do about it, and a way to try again. */
import type { JSX } from "preact";
import type { Failure } from "../../shared/failure";
import { t } from "../i18n";
import { explain, type FailureScope } from "../state/problem";
import { CopyButton } from "./copy-button";
import { RetryButton } from "./retry-button";

interface FailureBoxProps {
  failure: Failure;
  scope: FailureScope;
  onRetry: (() => void) | null;
}

export function FailureBox({ failure, scope, onRetry }: FailureBoxProps): JSX.Element {
  const { title, text, command } = explain(failure, chrome.runtime.id, scope);
  return (
    <section class="failure" role="alert" data-testid="error-box" data-scope={scope} data-code={failure.code}>
      <h2>{title}</h2>
      <p dir="auto">{text}</p>
      {command !== null && (
        <div class="command">
          <code data-testid="command">{command}</code>
          <CopyButton text={command} label={t("copy_command")} />
        </div>
      )}
      <div class="failure-foot">
        {onRetry && <RetryButton onRetry={onRetry} />}
        <span class="code">{t("error_code", failure.code)}</span>
      </div>
    </section>
  );
}
