/**
 * Where a window's conversation is kept: in `chrome.storage.session`, which outlives the service worker and the panel
 * and ends with the browser. Each window has its own, so two panels never write over each other.
 */
export function conversationKey(windowId: number): string {
  return `conversation:${windowId}`;
}

export function forgetConversation(windowId: number): void {
  void chrome.storage.session.remove(conversationKey(windowId));
}
