/** What is said about a download under way, worked out from its progress. */
import { formatPercent, t } from "../i18n";
import { formatBytes, formatRate, formatTime } from "../units";
import type { DownloadProgress } from "./model-download";

export interface DownloadStatus {
  /** Between 0 and 1, or null before the host knows how much there is. */
  fraction: number | null;
  /** How much has come of how much. */
  amount: string;
  /** The rate and the time left, as far as they are known. */
  pace: string;
  /** The file at hand, where there are several. */
  file: { name: string; fraction: number; percent: string } | null;
}

export function describeDownload(progress: DownloadProgress | null): DownloadStatus {
  if (!progress || progress.total === 0) return { fraction: null, amount: t("download_preparing"), pace: "", file: null };
  const { done, total } = progress;
  const amount = t("download_amount", formatBytes(done), formatBytes(total));
  return { fraction: part(done, total), amount, pace: describePace(progress), file: describeFile(progress) };
}

function describePace({ done, total, bytes_per_second: rate, seconds_left: seconds }: DownloadProgress): string {
  const texts: string[] = [];
  if (rate) texts.push(formatRate(rate));
  if (typeof seconds === "number" && done < total) texts.push(t("download_time_left", formatTime(seconds)));
  return texts.join(" · ");
}

function describeFile({ total, file, file_done: done, file_total: size }: DownloadProgress): DownloadStatus["file"] {
  if (typeof file !== "string" || typeof done !== "number" || typeof size !== "number" || size >= total) return null;
  const fraction = part(done, size);
  return { name: file, fraction, percent: formatPercent(fraction) };
}

/** An empty file is whole from the start. */
function part(done: number, total: number): number {
  return total > 0 ? Math.min(1, done / total) : 1;
}
