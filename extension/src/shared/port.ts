/** The part of `chrome.runtime.Port` that is used, so that tests can put a fake in its place. */
export interface PortLike {
  postMessage(message: unknown): void;
  disconnect(): void;
  onMessage: { addListener(listener: (message: unknown) => void): void };
  onDisconnect: { addListener(listener: (port: PortLike) => void): void };
  /** Firefox explains a disconnect here, Chromium in `chrome.runtime.lastError`. */
  error?: { message: string } | null;
}

export const PANEL_PORT_NAME = "panel";
export const NATIVE_HOST_NAME = "com.tabagent.host";
