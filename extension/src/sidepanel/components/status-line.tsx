/** One line about what is going on, and which host is at work. */
import type { JSX } from "preact";
import { t } from "../i18n";
import type { PanelState } from "../state/panel-state";
import { describeStatus } from "../state/status";

export function StatusLine({ state }: { state: PanelState }): JSX.Element {
  const { tone, text, fraction } = describeStatus(state);
  return (
    <div class="status">
      {fraction !== null && <progress data-testid="progress" value={fraction} max={1} aria-label={t("status_progress_label")} />}
      <span class="status-text" data-testid="status" data-tone={tone} data-phase={state.connection.phase}>
        {text}
      </span>
      <HostVersion state={state} />
    </div>
  );
}

function HostVersion({ state }: { state: PanelState }): JSX.Element | null {
  if (state.connection.phase !== "ready") return null;
  const { version, protocol } = state.connection.host;
  const all = t("versions", chrome.runtime.getManifest().version, version, String(protocol));
  return (
    <span class="host-version" data-testid="host-version" title={all}>
      {t("host_version", version)}
    </span>
  );
}
