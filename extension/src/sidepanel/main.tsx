/** The panel's page: restores this window's conversation, connects, and shows it. */
import { render, type JSX } from "preact";
import { PANEL_PORT_NAME } from "../shared/port";
import { App } from "./components/app";
import { ErrorBoundary } from "./components/error-boundary";
import { PanelFailure } from "./components/panel-failure";
import { DEFAULT_STYLE, loadChatStyle } from "./state/chat-style";
import { ConversationStorage } from "./state/conversation-storage";
import { loadRememberedModel, rememberModel } from "./state/model-choice";
import { PanelController } from "./state/panel-controller";

function onError<T>(fallback: T): (error: unknown) => T {
  return (error) => {
    console.warn("A stored value could not be read.", error);
    return fallback;
  };
}

async function start(root: Element): Promise<void> {
  document.documentElement.lang = chrome.i18n.getUILanguage();
  const { id: windowId = chrome.windows.WINDOW_ID_NONE } = await chrome.windows.getCurrent();
  const storage = new ConversationStorage(chrome.storage.session, windowId);
  const [conversation, rememberedModel, style] = await Promise.all([
    storage.load(),
    loadRememberedModel().catch(onError(null)),
    loadChatStyle().catch(onError(DEFAULT_STYLE)),
  ]);
  const controller = new PanelController({
    connect: () => chrome.runtime.connect({ name: PANEL_PORT_NAME }),
    conversation,
    style,
    rememberedModel,
    rememberModel,
    saveConversation: (latest) => {
      storage.save(latest);
    },
  });
  window.addEventListener("pagehide", () => {
    storage.flush();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void controller.refreshModels();
  });
  render(<Panel controller={controller} />, root);
  controller.start();
}

function Panel({ controller }: { controller: PanelController }): JSX.Element {
  return (
    <ErrorBoundary
      value={controller}
      fallback={(tryAgain) => (
        <PanelFailure
          onRetry={tryAgain}
          onNewConversation={() => {
            controller.startNewConversation();
            tryAgain();
          }}
        />
      )}
    >
      <App controller={controller} />
    </ErrorBoundary>
  );
}

function reload(): void {
  window.location.reload();
}

function forgetAndReload(): void {
  void chrome.storage.session.clear().finally(reload);
}

const root = document.getElementById("root");
if (root) {
  start(root).catch((error: unknown) => {
    console.error("The panel did not start.", error);
    render(<PanelFailure onRetry={reload} onNewConversation={forgetAndReload} />, root);
  });
}
