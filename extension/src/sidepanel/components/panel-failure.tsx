/** Takes the place of the whole panel if it cannot be shown. */
import type { JSX } from "preact";
import { t } from "../i18n";

interface PanelFailureProps {
  onRetry: () => void;
  onNewConversation: () => void;
}

export function PanelFailure({ onRetry, onNewConversation }: PanelFailureProps): JSX.Element {
  return (
    <section class="failure panel-failure" role="alert" data-testid="panel-failure">
      <h2>{t("panel_failed")}</h2>
      <p>{t("panel_failed_text")}</p>
      <div class="failure-foot">
        <button type="button" class="text-button" onClick={onRetry}>
          {t("retry")}
        </button>
        <button type="button" class="text-button" data-testid="forget-conversation" onClick={onNewConversation}>
          {t("new_conversation")}
        </button>
      </div>
    </section>
  );
}
