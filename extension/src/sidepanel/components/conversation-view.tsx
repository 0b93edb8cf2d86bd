/** The scrolled part of the panel: the turns of the conversation, or a welcome while there are none. */
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { t } from "../i18n";
import { lastAnswer } from "../state/conversation";
import type { PanelController } from "../state/panel-controller";
import { canAsk, type PanelState } from "../state/panel-state";
import { useStickToBottom } from "../use-stick-to-bottom";
import { AnswerView } from "./answer-view";
import { ArrowDownIcon } from "./icons";
import { QuestionView } from "./question-view";
import { Welcome } from "./welcome";

interface ConversationViewProps {
  state: PanelState;
  controller: PanelController;
  /** What takes the place of the welcome. */
  problem: ComponentChildren;
}

export function ConversationView({ state, controller, problem }: ConversationViewProps): JSX.Element {
  const { conversation } = state;
  const { ref, isAtBottom, onScroll, jump } = useStickToBottom(conversation, conversation.length > 0);
  const last = lastAnswer(conversation);
  useLayoutEffect(jump, [jump, conversation.length]);
  return (
    <main class="conversation">
      <div class="scroller" ref={ref} onScroll={onScroll}>
        {conversation.length === 0 ? (
          <Welcome
            hasModels={state.models === null || state.models.length > 0}
            onDownload={() => {
              controller.download.open();
              document.querySelector<HTMLElement>("[data-testid=download-name]")?.focus();
            }}
            problem={problem}
          />
        ) : (
          <ol class="turns" aria-label={t("conversation_label")}>
            {conversation.map((turn) =>
              turn.role === "user" ? (
                <QuestionView key={turn.id} question={turn} />
              ) : (
                <AnswerView
                  key={turn.id}
                  answer={turn}
                  canRetry={turn === last && canAsk(state)}
                  onRetry={() => {
                    controller.retry();
                  }}
                />
              ),
            )}
          </ol>
        )}
      </div>
      {!isAtBottom && (
        <button type="button" class="icon-button jump" aria-label={t("jump_to_latest")} onClick={jump}>
          <ArrowDownIcon />
        </button>
      )}
    </main>
  );
}
