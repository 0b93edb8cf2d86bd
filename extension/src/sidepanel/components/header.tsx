/** The top bar: which model answers, a way to get another, and a way to begin anew. */
import type { JSX } from "preact";
import { t } from "../i18n";
import type { PanelController } from "../state/panel-controller";
import type { PanelState } from "../state/panel-state";
import { DownloadButton } from "./download-button";
import { ComposeIcon } from "./icons";
import { ModelPicker } from "./model-picker";

interface HeaderProps {
  state: PanelState;
  controller: PanelController;
}

export function Header({ state, controller }: HeaderProps): JSX.Element {
  return (
    <header class="header">
      <ModelPicker
        models={state.models}
        selected={state.model}
        onSelect={(name) => {
          controller.selectModel(name);
        }}
        onOpen={() => {
          void controller.refreshModels();
        }}
      />
      <DownloadButton download={controller.download} />
      <button
        type="button"
        class="icon-button"
        data-testid="new-conversation"
        aria-label={t("new_conversation")}
        title={t("new_conversation")}
        disabled={state.conversation.length === 0}
        onClick={() => {
          controller.startNewConversation();
          document.querySelector<HTMLElement>("[data-testid=composer]")?.focus();
        }}
      >
        <ComposeIcon />
      </button>
    </header>
  );
}
