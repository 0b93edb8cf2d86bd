/** The scrolled part of the panel: the turns of the conversation, or a welcome while there are none. */
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect } from "preact/hooks";
import { t } from "../i18n";
import { isUnanswered, lastAnswer, type Turn } from "../state/conversation";
import type { PanelController } from "../state/panel-controller";
import { canAsk, type PanelState } from "../state/panel-state";
import { useStickToBottom } from "../use-stick-to-bottom";
import { AnswerView } from "./answer-view";
import { ErrorBoundary } from "./error-boundary";
import { ArrowDownIcon } from "./icons";
import { QuestionView } from "./question-view";
import { UnansweredActions } from "./unanswered-actions";
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
            {conversation.map((turn) => (
              <TurnView key={turn.id} turn={turn} controller={controller} canRetry={turn === last && canAsk(state)} />
            ))}
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

interface TurnViewProps {
  turn: Turn;
  controller: PanelController;
  canRetry: boolean;
}

function TurnView({ turn, controller, canRetry }: TurnViewProps): JSX.Element {
  const actions = {
    onEdit: () => {
      controller.edit(turn.id);
    },
    onDrop: () => {
      controller.drop(turn.id);
    },
  };
  return (
    <ErrorBoundary value={turn} fallback={() => <PlainTurn turn={turn} {...actions} />}>
      {turn.role === "user" ? (
        <QuestionView question={turn} />
      ) : (
        <AnswerView
          answer={turn}
          canRetry={canRetry}
          onRetry={() => {
            controller.retry();
          }}
          {...actions}
        />
      )}
    </ErrorBoundary>
  );
}

/** A message that could not be shown otherwise. */
function PlainTurn({ turn, onEdit, onDrop }: { turn: Turn; onEdit: () => void; onDrop: () => void }): JSX.Element {
  return (
    <li class={turn.role === "user" ? "question" : "answer plain-turn"} data-testid="message" data-role={turn.role} data-state="plain" dir="auto">
      {turn.text}
      {turn.role === "assistant" && isUnanswered(turn) && <UnansweredActions onEdit={onEdit} onDrop={onDrop} />}
    </li>
  );
}
