/**
 * What a person can do in the panel, and what the host's replies change. At most one answer is under way; the whole
 * conversation is sent with every question.
 */
import { readAnswer, readListModelsResult } from "../../protocol/result-guards";
import { localFailure, type Failure } from "../../shared/failure";
import type { ConnectionState, Reply } from "../../shared/panel-messages";
import type { PortLike } from "../../shared/port";
import { BackgroundLink } from "../background-link";
import type { ChatStyle } from "./chat-style";
import { toChatMessages } from "./chat-history";
import { changeConversation, isUnderWay, lastAnswer, questionOf, type Conversation, type ConversationChange } from "./conversation";
import { chooseModel } from "./model-choice";
import { ModelDownload } from "./model-download";
import { canAsk, type PanelState } from "./panel-state";
import { Store } from "./store";

export interface PanelControllerOptions {
  connect: () => PortLike;
  conversation: Conversation;
  style: ChatStyle;
  rememberedModel: string | null;
  rememberModel: (name: string) => void;
  saveConversation: (conversation: Conversation) => void;
  /** When watchers of the store are told; by default with the next animation frame. */
  schedule?: (notify: () => void) => void;
}

export class PanelController {
  readonly store: Store<PanelState>;
  readonly download: ModelDownload;
  readonly #options: PanelControllerOptions;
  readonly #link: BackgroundLink;
  #requestId: number | null = null;
  #remembered: string | null;
  /** Oldest messages that are left out, since the model refused the conversation with them. */
  #omitted = 0;

  constructor(options: PanelControllerOptions) {
    this.#options = options;
    this.#remembered = options.rememberedModel;
    const initial: PanelState = {
      connection: { phase: "connecting", problem: null, failures: 0 },
      models: null,
      model: options.rememberedModel,
      conversation: options.conversation,
      draft: null,
      progress: null,
    };
    this.store = new Store(initial, options.schedule);
    this.#link = new BackgroundLink(options.connect, (state) => {
      this.#connectionChanged(state);
    });
    this.download = new ModelDownload({
      link: this.#link,
      schedule: options.schedule,
      onArrived: (model) => void this.#selectArrived(model),
    });
  }

  start(): void {
    this.#link.open();
  }

  reconnect(): void {
    this.#link.reconnect();
  }

  ask(text: string): boolean {
    const { conversation, model } = this.store.get();
    if (!canAsk(this.store.get()) || model === null || isUnderWay(conversation.at(-1)) || text.trim() === "") return false;
    const answerId = crypto.randomUUID();
    this.#change({ type: "asked", question: { id: crypto.randomUUID(), text }, answer: { id: answerId, model } });
    this.#request(answerId, model);
    return true;
  }

  /** Asks for the last answer again. */
  retry(): void {
    const { conversation, model } = this.store.get();
    const answer = lastAnswer(conversation);
    if (!canAsk(this.store.get()) || model === null || !answer || isUnderWay(answer)) return;
    this.#change({ type: "retried", id: answer.id, model });
    this.#request(answer.id, model);
  }

  /** Removes a refused question. */
  drop(answerId: string): void {
    this.#change({ type: "dropped", id: answerId });
  }

  /** Removes a refused question and gives its text back to the composer. */
  edit(answerId: string): void {
    const question = questionOf(this.store.get().conversation, answerId);
    this.drop(answerId);
    if (question) this.store.update({ draft: { text: question.text } });
  }

  stop(): void {
    const answer = lastAnswer(this.store.get().conversation);
    this.#abandonRequest();
    if (answer) this.#change({ type: "stopped", id: answer.id });
  }

  startNewConversation(): void {
    this.#abandonRequest();
    this.#omitted = 0;
    this.#change({ type: "cleared" });
  }

  selectModel(name: string): void {
    this.#remembered = name;
    this.#omitted = 0;
    this.#options.rememberModel(name);
    this.store.update({ model: name });
  }

  async refreshModels(): Promise<void> {
    const { connection } = this.store.get();
    if (connection.phase !== "ready") return;
    try {
      const { models } = await this.#link.ask({ action: "list_models" }, readListModelsResult);
      const model = chooseModel(models, this.#remembered, connection.host.default_model);
      this.store.update({ models, model });
    } catch (error) {
      console.warn("The list of models could not be read.", error);
    }
  }

  /** A file that lies outside the library can be whole without being in the list. */
  async #selectArrived(name: string): Promise<void> {
    await this.refreshModels();
    if (this.store.get().models?.some((model) => model.name === name)) this.selectModel(name);
  }

  #connectionChanged(connection: ConnectionState): void {
    const becameReady = connection.phase === "ready" && this.store.get().connection.phase !== "ready";
    this.store.update({ connection });
    if (becameReady) void this.refreshModels();
  }

  #request(answerId: string, model: string): void {
    const { system, options } = this.#options.style;
    const history = toChatMessages(this.store.get().conversation);
    this.#omitted = Math.min(this.#omitted, history.length - 1);
    if (history[this.#omitted]?.role === "assistant") this.#omitted += 1;
    if (this.#omitted > 0) this.#change({ type: "shortened", id: answerId });
    const messages = [{ role: "system" as const, content: system }, ...history.slice(this.#omitted)];
    this.#requestId = this.#link.request({ action: "chat", model, messages, options }, (reply) => {
      if (this.#canShorten(reply, messages.length - 1)) {
        this.#omitted += Math.ceil((messages.length - 2) / 2);
        this.#request(answerId, model);
      } else {
        this.#receive(answerId, reply);
      }
    });
  }

  /** Return True if the host refused the conversation for its length and older messages can be left out. */
  #canShorten(reply: Reply, count: number): boolean {
    if (reply.event !== "error" || count < 2) return false;
    return reply.error.code === "context_overflow" || reply.error.code === "request_too_large";
  }

  #receive(id: string, reply: Reply): void {
    switch (reply.event) {
      case "progress":
        this.store.update({ progress: reply });
        break;
      case "token":
        this.#change({ type: "token", id, text: reply.text, reasoning: reply.reasoning ?? "" });
        break;
      case "done": {
        const summary = readAnswer(reply.result);
        const failure = localFailure("host_unintelligible", "The host's answer could not be understood.");
        this.#end(summary ? { type: "finished", id, summary } : { type: "failed", id, failure });
        break;
      }
      case "cancelled":
        this.#end({ type: "stopped", id });
        break;
      case "error":
        this.#end({ type: isInterruption(reply.error) ? "interrupted" : "failed", id, failure: reply.error });
        break;
    }
  }

  #end(change: ConversationChange): void {
    this.#requestId = null;
    this.#change(change);
    void this.refreshModels();
  }

  #abandonRequest(): void {
    if (this.#requestId !== null) this.#link.abandon(this.#requestId);
    this.#requestId = null;
  }

  #change(change: ConversationChange): void {
    const conversation = changeConversation(this.store.get().conversation, change);
    this.store.update({ conversation, progress: null });
    this.#options.saveConversation(conversation);
  }
}

/** The connection broke under the answer; what it was asked is not at fault. */
function isInterruption(failure: Failure): boolean {
  return failure.code === "host_disconnected" || failure.code === "broker_lost" || failure.code === "shutting_down";
}
