/** How far a download is: all of it, and the file at hand where there are several. */
import type { JSX } from "preact";
import { t } from "../i18n";
import { describeDownload } from "../state/download-status";
import type { DownloadProgress } from "../state/model-download";

export function DownloadProgressView({ progress }: { progress: DownloadProgress | null }): JSX.Element {
  const { fraction, amount, pace, file } = describeDownload(progress);
  return (
    <div class="download-progress" data-testid="download-progress">
      <progress {...(fraction !== null && { value: fraction })} max={1} aria-label={t("download_progress_label")} />
      <div class="download-figures">
        <span data-testid="download-amount">{amount}</span>
        <span data-testid="download-pace">{pace}</span>
      </div>
      {file && (
        <>
          <progress value={file.fraction} max={1} aria-label={file.name} />
          <div class="download-figures" data-testid="download-file">
            <span class="download-file-name" title={file.name}>
              {file.name}
            </span>
            <span>{file.percent}</span>
          </div>
        </>
      )}
    </div>
  );
}
