/** The panel's page: restores this window's conversation, connects, and shows it. */
import { render } from "preact";
import { PANEL_PORT_NAME } from "../shared/port";
import { App } from "./components/app";
import { loadChatStyle } from "./state/chat-style";
import { ConversationStorage } from "./state/conversation-storage";
import { loadRememberedModel, rememberModel } from "./state/model-choice";
import { PanelController } from "./state/panel-controller";

async function start(root: Element): Promise<void> {
  document.documentElement.lang = chrome.i18n.getUILanguage();
  const { id: windowId = chrome.windows.WINDOW_ID_NONE } = await chrome.windows.getCurrent();
  const storage = new ConversationStorage(chrome.storage.session, windowId);
  const [conversation, rememberedModel, style] = await Promise.all([
    storage.load(),
    loadRememberedModel(),
    loadChatStyle(),
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
  render(<App controller={controller} />, root);
  controller.start();
}

const root = document.getElementById("root");
if (root) {
  start(root).catch((error: unknown) => {
    root.textContent = String(error);
  });
}
