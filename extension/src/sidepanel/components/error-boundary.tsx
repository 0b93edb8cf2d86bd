/** Shows something else in place of a part of the panel that throws, so that the rest stays usable. */
import { Component, type ComponentChildren } from "preact";

interface ErrorBoundaryProps {
  children: ComponentChildren;
  /** A change of this value tries the children again. */
  value: unknown;
  fallback: (tryAgain: () => void) => ComponentChildren;
}

interface ErrorBoundaryState {
  /** The value with which the children threw, in a record of its own: it can be anything. */
  failed: { value: unknown } | null;
}

export class ErrorBoundary extends Component<ErrorBoundaryProps, ErrorBoundaryState> {
  override state: ErrorBoundaryState = { failed: null };

  override componentDidCatch(error: unknown): void {
    console.error("A part of the panel could not be shown.", error);
    this.setState({ failed: { value: this.props.value } });
  }

  override render(): ComponentChildren {
    const { failed } = this.state;
    if (failed === null || failed.value !== this.props.value) return this.props.children;
    return this.props.fallback(() => {
      this.setState({ failed: null });
    });
  }
}
