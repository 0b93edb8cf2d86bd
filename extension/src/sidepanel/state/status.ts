/** What the status line says, worked out from the state. */
import { formatNumber, formatPercent, t } from "../i18n";
import { isThinking, isUnderWay, lastAnswer, type Answer } from "./conversation";
import type { PanelState, Progress } from "./panel-state";

export interface Status {
  tone: "idle" | "busy" | "problem";
  text: string;
  /** Between 0 and 1, or null when there is nothing to measure. */
  fraction: number | null;
}

export function describeStatus(state: PanelState): Status {
  return describeConnection(state) ?? describeAnswer(lastAnswer(state.conversation), state.progress);
}

function describeConnection({ connection }: PanelState): Status | null {
  switch (connection.phase) {
    case "ready":
      return null;
    case "connecting":
      return busy(t(connection.failures > 0 ? "status_reconnecting" : "status_connecting"));
    case "lost":
    case "refused":
      return { tone: "problem", text: t("status_not_connected"), fraction: null };
  }
}

function describeAnswer(answer: Answer | null, progress: Progress | null): Status {
  if (!answer) return idle(t("status_ready"));
  if (isUnderWay(answer)) {
    if (answer.state === "streaming") return busy(t(isThinking(answer) ? "status_thinking" : "status_generating"));
    return progress ? describeProgress(progress, answer.model) : busy(t("status_waiting"));
  }
  switch (answer.state) {
    case "stopped":
      return idle(t("status_stopped"));
    case "interrupted":
      return { tone: "problem", text: t("status_interrupted"), fraction: null };
    case "failed":
      return { tone: "problem", text: t("status_failed"), fraction: null };
    default:
      return idle(describeSummary(answer));
  }
}

function describeProgress({ stage, done, total }: Progress, model: string): Status {
  const fraction = total > 0 ? Math.min(1, done / total) : null;
  switch (stage) {
    case "queued": {
      const ahead = Math.max(0, total - done);
      return busy(ahead > 0 ? t("status_queued_behind", formatNumber(ahead)) : t("status_queued"));
    }
    case "loading": {
      const text = fraction === null ? t("status_loading", model) : t("status_loading_part", model, formatPercent(fraction));
      return { tone: "busy", text, fraction };
    }
    case "downloading":
      return { tone: "busy", text: t("status_downloading", formatPercent(fraction ?? 0)), fraction };
    case "verifying":
      return { tone: "busy", text: t("status_verifying", formatPercent(fraction ?? 0)), fraction };
    case "measuring":
      return { tone: "busy", text: t("status_measuring", formatNumber(done), formatNumber(total)), fraction };
    case "inferring":
      return { tone: "busy", text: t("status_inferring", formatPercent(fraction ?? 0)), fraction };
    case "prefill":
      return { tone: "busy", text: t("status_prefill", formatNumber(done), formatNumber(total)), fraction };
  }
}

function describeSummary({ summary }: Answer): string {
  if (!summary) return t("status_ready");
  const { promptTokens, completionTokens, tokensPerSecond } = summary;
  return t("status_summary", formatNumber(promptTokens), formatNumber(completionTokens), formatNumber(tokensPerSecond, 1));
}

function busy(text: string): Status {
  return { tone: "busy", text, fraction: null };
}

function idle(text: string): Status {
  return { tone: "idle", text, fraction: null };
}
