/**
 * The whole panel: header, download form where it is open, conversation, composer, status line. What is wrong with the connection stands above the
 * composer, or in place of the welcome while there is no conversation.
 */
import type { JSX } from "preact";
import { isUnderWay } from "../state/conversation";
import type { PanelController } from "../state/panel-controller";
import { canAsk } from "../state/panel-state";
import { connectionProblem } from "../state/problem";
import { useStore } from "../use-store";
import { Announcer } from "./announcer";
import { Composer } from "./composer";
import { ConversationView } from "./conversation-view";
import { DownloadForm } from "./download-form";
import { FailureBox } from "./failure-box";
import { Header } from "./header";
import { StatusLine } from "./status-line";

export function App({ controller }: { controller: PanelController }): JSX.Element {
  const state = useStore(controller.store);
  const failure = connectionProblem(state.connection);
  const problem = failure && (
    <FailureBox
      failure={failure}
      scope="connection"
      onRetry={() => {
        controller.reconnect();
      }}
    />
  );
  const isEmpty = state.conversation.length === 0;
  return (
    <div class="panel">
      <Header state={state} controller={controller} />
      <DownloadForm download={controller.download} isConnected={state.connection.phase === "ready"} />
      <ConversationView state={state} controller={controller} problem={problem} />
      <footer class="footer">
        {!isEmpty && problem}
        <Composer
          draft={state.draft}
          canAsk={canAsk(state)}
          isAnswering={isUnderWay(state.conversation.at(-1))}
          onSend={(text) => controller.ask(text)}
          onStop={() => {
            controller.stop();
          }}
        />
        <StatusLine state={state} />
      </footer>
      <Announcer conversation={state.conversation} />
    </div>
  );
}
