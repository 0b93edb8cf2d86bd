/**
 * The download of a model, one at a time, beside whatever the conversation does. Closing the form leaves it running;
 * closing the panel ends its request, and the host continues where it was when the model is asked for again.
 *
 *   null | done | cancelled | failed ──start──▶ running ──▶ done | cancelled | failed
 */
import type { ProgressEvent } from "../../protocol/messages";
import { readPullModelResult } from "../../protocol/result-guards";
import { localFailure, type Failure } from "../../shared/failure";
import type { Reply } from "../../shared/panel-messages";
import type { BackgroundLink } from "../background-link";
import { Store } from "./store";

/** Bytes, of the whole and of the file at hand. */
export type DownloadProgress = Pick<
  ProgressEvent,
  "done" | "total" | "bytes_per_second" | "seconds_left" | "file" | "file_done" | "file_total"
>;

/** `reference` is what the person typed, `model` the name in the host's library. */
export type Download =
  | { phase: "running"; reference: string; progress: DownloadProgress | null }
  | { phase: "done"; reference: string; model: string }
  | { phase: "cancelled"; reference: string }
  | { phase: "failed"; reference: string; failure: Failure };

export interface DownloadState {
  /** Whether the form is shown. */
  isOpen: boolean;
  download: Download | null;
}

export interface ModelDownloadOptions {
  link: Pick<BackgroundLink, "request" | "abandon">;
  /** The model is whole and in the host's library. */
  onArrived: (model: string) => void;
  schedule: ((notify: () => void) => void) | undefined;
}

export class ModelDownload {
  readonly store: Store<DownloadState>;
  readonly #options: ModelDownloadOptions;
  #requestId = 0;

  constructor(options: ModelDownloadOptions) {
    this.#options = options;
    this.store = new Store<DownloadState>({ isOpen: false, download: null }, options.schedule);
  }

  /** Shows the form, without what a download that has ended left behind. */
  open(): void {
    const { download } = this.store.get();
    this.store.update({ isOpen: true, download: download?.phase === "running" ? download : null });
  }

  close(): void {
    this.store.update({ isOpen: false });
  }

  start(text: string): void {
    const reference = text.trim();
    if (reference === "" || this.#isRunning()) return;
    this.store.update({ download: { phase: "running", reference, progress: null } });
    this.#requestId = this.#options.link.request({ action: "pull_model", model: reference }, (reply) => {
      this.#receive(reference, reply);
    });
  }

  cancel(): void {
    const { download } = this.store.get();
    if (download?.phase !== "running") return;
    this.#options.link.abandon(this.#requestId);
    this.store.update({ download: { phase: "cancelled", reference: download.reference } });
  }

  #isRunning(): boolean {
    return this.store.get().download?.phase === "running";
  }

  #receive(reference: string, reply: Reply): void {
    switch (reply.event) {
      case "progress":
        if (reply.stage === "downloading") this.store.update({ download: { phase: "running", reference, progress: reply } });
        break;
      case "done": {
        const result = readPullModelResult(reply.result);
        if (result) this.#arrived(reference, result.model);
        else this.#failed(reference, localFailure("host_unintelligible", "The host's answer could not be understood."));
        break;
      }
      case "cancelled":
        this.store.update({ download: { phase: "cancelled", reference } });
        break;
      case "error":
        this.#failed(reference, reply.error);
        break;
      case "token":
        break;
    }
  }

  #arrived(reference: string, model: string): void {
    this.store.update({ isOpen: false, download: { phase: "done", reference, model } });
    this.#options.onArrived(model);
  }

  /** What went wrong is shown also where the form was closed meanwhile. */
  #failed(reference: string, failure: Failure): void {
    this.store.update({ isOpen: true, download: { phase: "failed", reference, failure } });
  }
}
