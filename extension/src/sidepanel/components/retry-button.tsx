import type { JSX } from "preact";
import { t } from "../i18n";

export function RetryButton({ onRetry }: { onRetry: () => void }): JSX.Element {
  return (
    <button type="button" class="text-button" data-testid="retry" onClick={onRetry}>
      {t("retry")}
    </button>
  );
}
