/** The service worker (in Firefox: the event page). It owns the native port; panels connect to it. */
import { forgetConversation } from "../shared/conversation-key";
import { NATIVE_HOST_NAME, PANEL_PORT_NAME } from "../shared/port";
import { openPanelOnClick } from "./open-panel";
import { PanelHub } from "./panel-hub";

const hub = new PanelHub({
  connectNative: () => chrome.runtime.connectNative(NATIVE_HOST_NAME),
  disconnectMessage: (port) => port.error?.message ?? chrome.runtime.lastError?.message,
  clientVersion: chrome.runtime.getManifest().version,
});

chrome.runtime.onConnect.addListener((port) => {
  const isOwnPage = port.sender?.url?.startsWith(chrome.runtime.getURL("")) ?? false;
  if (isOwnPage && port.name === PANEL_PORT_NAME) hub.addPanel(port);
  else port.disconnect();
});

chrome.windows.onRemoved.addListener(forgetConversation);

openPanelOnClick();
