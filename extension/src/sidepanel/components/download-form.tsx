/** Where a model to download is named, and how its download is going. Enter begins it, Escape closes the form. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n";
import type { Download, ModelDownload } from "../state/model-download";
import { useStore } from "../use-store";
import { DownloadProgressView } from "./download-progress";
import { FailureBox } from "./failure-box";
import { CloseIcon } from "./icons";

interface DownloadFormProps {
  download: ModelDownload;
  isConnected: boolean;
}

export function DownloadForm({ download: controller, isConnected }: DownloadFormProps): JSX.Element | null {
  const { isOpen, download } = useStore(controller.store);
  return isOpen ? <OpenForm controller={controller} download={download} isConnected={isConnected} /> : null;
}

interface OpenFormProps {
  controller: ModelDownload;
  download: Download | null;
  isConnected: boolean;
}

function OpenForm({ controller, download, isConnected }: OpenFormProps): JSX.Element {
  const [text, setText] = useState(download?.reference ?? "");
  const section = useRef<HTMLElement>(null);
  const field = useRef<HTMLInputElement>(null);
  /** A form that opens to tell of a failure does not take the focus from whoever is writing. */
  const takesFocus = useRef(download?.phase !== "failed");
  const isRunning = download?.phase === "running";

  useLayoutEffect(() => {
    const form = section.current;
    if (takesFocus.current) field.current?.focus();
    return () => {
      // It closed under the person's hands because the model is there: what comes next is a question.
      if (form?.contains(document.activeElement)) focusOn("composer");
    };
  }, []);

  function close(): void {
    focusOn("download-model");
    controller.close();
  }

  function start(): void {
    if (isConnected) controller.start(text);
    field.current?.focus();
  }

  function cancel(): void {
    controller.cancel();
    field.current?.focus();
  }

  return (
    <section
      ref={section}
      class="download"
      data-testid="download-form"
      aria-labelledby="download-title"
      onKeyDown={(event) => {
        // While an input method composes a word, Escape belongs to it.
        if (event.key === "Escape" && !event.isComposing) close();
      }}
    >
      <div class="download-head">
        <h2 id="download-title">{t("download_model")}</h2>
        <button type="button" class="icon-button small" aria-label={t("download_close")} title={t("download_close")} onClick={close}>
          <CloseIcon />
        </button>
      </div>
      <form
        class="download-row"
        onSubmit={(event) => {
          event.preventDefault();
          start();
        }}
      >
        <input
          ref={field}
          type="text"
          class="text-field"
          data-testid="download-name"
          aria-label={t("download_label")}
          aria-describedby="download-hint"
          placeholder={t("download_placeholder")}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          readOnly={isRunning}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
          }}
        />
        {isRunning ? (
          <button key="cancel" type="button" class="text-button" data-testid="download-cancel" onClick={cancel}>
            {t("download_cancel")}
          </button>
        ) : (
          <button key="start" type="submit" class="text-button primary" data-testid="download-start" disabled={!isConnected || text.trim() === ""}>
            {t("download_start")}
          </button>
        )}
      </form>
      {download?.phase === "running" && <DownloadProgressView progress={download.progress} />}
      {download?.phase === "cancelled" && <p class="note">{t("download_cancelled")}</p>}
      {download?.phase === "failed" && <FailureBox failure={download.failure} scope="download" onRetry={null} />}
      <p id="download-hint" class="note" hidden={download !== null}>
        {t("download_hint")}
      </p>
    </section>
  );
}

function focusOn(testId: string): void {
  document.querySelector<HTMLElement>(`[data-testid=${testId}]`)?.focus();
}
