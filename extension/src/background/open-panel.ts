/**
 * The toolbar button and its keyboard command open the panel. The call must be the first thing that happens in the
 * handler: after an `await` the browser no longer counts it as the user's own action.
 */
interface FirefoxSidebar {
  open(): Promise<void>;
}

export function openPanelOnClick(): void {
  chrome.action.onClicked.addListener((tab) => {
    const sidebar = (chrome as { sidebarAction?: FirefoxSidebar }).sidebarAction;
    const opened = sidebar ? sidebar.open() : chrome.sidePanel.open({ windowId: tab.windowId });
    opened.catch((error: unknown) => {
      console.error("The panel could not be opened.", error);
    });
  });
}
