/**
 * How a failure is explained. The host's own sentences are shown as they are; what happened on this side of the wire
 * gets a title, an explanation and, where one helps, a command to type.
 */
import type { Failure } from "../../shared/failure";
import type { ConnectionState } from "../../shared/panel-messages";
import { t } from "../i18n";

export interface Explanation {
  title: string;
  text: string;
  command: string | null;
}

/** A host that ends once or twice is connected again before anyone need read about it. */
const QUIET_FAILURES = 2;

/** What failed: the connection itself, or what was under way on it. */
export type FailureScope = "connection" | "answer" | "download";

export function explain(failure: Failure, extensionId: string, scope: FailureScope): Explanation {
  const { message } = failure;
  switch (failure.code) {
    case "host_not_found":
      return { title: t("error_host_not_found"), text: t("error_host_not_found_text"), command: "tabagent install" };
    case "host_forbidden": {
      const command = `tabagent install --extension-id ${extensionId}`;
      return { title: t("error_host_forbidden"), text: t("error_host_forbidden_text"), command };
    }
    case "version_mismatch":
      return { title: t("error_version_mismatch"), text: `${message} ${t("error_version_mismatch_text")}`, command: null };
    case "host_exited":
    case "host_lost":
    case "host_silent":
      return { title: t("error_host_stopped"), text: `${message} ${t("error_host_stopped_text")}`, command: "tabagent status" };
    case "extension_reloaded":
      return { title: t("error_extension_reloaded"), text: t("error_extension_reloaded_text"), command: null };
    case "host_disconnected":
      if (scope === "download") {
        return { title: t("error_download_interrupted"), text: t("error_download_interrupted_text"), command: null };
      }
      return { title: t("error_interrupted"), text: t("error_interrupted_text"), command: null };
    default: {
      const hint = failure.details["install_hint"];
      return { title: t("error_generic"), text: message, command: typeof hint === "string" && hint !== "" ? hint : null };
    }
  }
}

/** The problem to show about the connection, if there is one worth showing. */
export function connectionProblem(state: ConnectionState): Failure | null {
  if (state.phase === "ready") return null;
  const { problem } = state;
  if (!problem || state.phase === "refused") return problem;
  const isQuiet = problem.code === "host_exited" || problem.code === "host_lost";
  return isQuiet && state.failures <= QUIET_FAILURES ? null : problem;
}
