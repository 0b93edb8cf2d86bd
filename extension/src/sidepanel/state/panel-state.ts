/** Everything the panel shows. */
import type { ModelEntry, ProgressEvent } from "../../protocol/messages";
import type { ConnectionState } from "../../shared/panel-messages";
import type { Conversation } from "./conversation";

/** How far the host is with the work before the answer. */
export interface Progress {
  stage: ProgressEvent["stage"];
  done: number;
  total: number;
}

export interface PanelState {
  connection: ConnectionState;
  /** The host's models, or null before it told them. */
  models: readonly ModelEntry[] | null;
  model: string | null;
  conversation: Conversation;
  /** A question to edit: the composer takes its text. Every edit is a new object. */
  draft: { text: string } | null;
  /** Of the answer under way, until its first token. */
  progress: Progress | null;
}

export function canAsk(state: PanelState): boolean {
  return state.connection.phase === "ready" && state.model !== null;
}
