/**
 * Opens and closes the download form. While a download runs it shows how far that is, also with the form closed; when
 * the model has come it says so for a moment. A screen reader hears of the begin and the end, never of the bytes between.
 */
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { formatPercent, t } from "../i18n";
import { describeDownload } from "../state/download-status";
import type { Download, ModelDownload } from "../state/model-download";
import { useStore } from "../use-store";
import { CheckIcon, DownloadIcon, DownloadingIcon } from "./icons";

const ARRIVED_SHOWN_MS = 4000;

export function DownloadButton({ download: controller }: { download: ModelDownload }): JSX.Element {
  const { isOpen, download } = useStore(controller.store);
  const hasJustArrived = useIsRecent(download?.phase === "done");
  const fraction = download?.phase === "running" ? (describeDownload(download.progress).fraction ?? 0) : null;
  return (
    <>
      <button
        type="button"
        class="icon-button"
        data-testid="download-model"
        data-phase={download?.phase}
        aria-label={t("download_model")}
        title={fraction === null ? t("download_model") : t("status_downloading", formatPercent(fraction))}
        aria-expanded={isOpen}
        onClick={() => {
          if (isOpen) controller.close();
          else controller.open();
        }}
      >
        {fraction !== null ? <DownloadingIcon fraction={fraction} /> : hasJustArrived ? <CheckIcon size={20} /> : <DownloadIcon />}
      </button>
      <span class="visually-hidden" role="status" aria-live="polite">
        {announcement(download)}
      </span>
    </>
  );
}

function announcement(download: Download | null): string {
  switch (download?.phase) {
    case "running":
      return t("announce_downloading", download.reference);
    case "done":
      return t("announce_downloaded", download.model);
    case "cancelled":
      return t("download_cancelled");
    default:
      return "";
  }
}

/** Whether `condition` became true less than ARRIVED_SHOWN_MS ago. */
function useIsRecent(condition: boolean): boolean {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    setOver(false);
    if (!condition) return;
    const timer = setTimeout(() => {
      setOver(true);
    }, ARRIVED_SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [condition]);
  return condition && !isOver;
}
