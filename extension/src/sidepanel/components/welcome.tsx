/** What is shown before the first question: a welcome, or what has to be done before there can be one. */
import type { ComponentChildren, JSX } from "preact";
import { t } from "../i18n";
import { Mark } from "./icons";

interface WelcomeProps {
  hasModels: boolean;
  onDownload: () => void;
  /** What is wrong with the connection. */
  problem: ComponentChildren;
}

export function Welcome({ hasModels, onDownload, problem }: WelcomeProps): JSX.Element {
  return (
    <div class="welcome">
      <Mark />
      {problem ?? (
        <>
          <h1>{t("welcome_title")}</h1>
          <p>{t(hasModels ? "welcome_text" : "welcome_no_models")}</p>
          {!hasModels && (
            <button type="button" class="text-button primary" data-testid="welcome-download" onClick={onDownload}>
              {t("download_model")}
            </button>
          )}
        </>
      )}
    </div>
  );
}
