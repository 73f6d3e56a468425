import type { InstrumenterSpanOptions, TracingContext, TracingSpan } from "@azure/core-tracing";
import { useInstrumenter } from "@azure/core-tracing";

/** What a tracing backend would have been told. */
export interface RecordedSpan {
  readonly name: string;
  /** The name of the span within which this one was started. */
  readonly parent: string | undefined;
  readonly attributes: Record<string, unknown>;
  status: string | undefined;
  isEnded: boolean;
}

const SPAN_NAME = Symbol("span name");

/** Registers an instrumenter that keeps every span; it stays for the rest of the process, as in an application. */
export function recordSpans(): RecordedSpan[] {
  const spans: RecordedSpan[] = [];
  useInstrumenter({
    startSpan(name, options: InstrumenterSpanOptions) {
      const parent = options.tracingContext?.getValue(SPAN_NAME) as string | undefined;
      const recorded: RecordedSpan = {
        name,
        parent,
        attributes: { ...options.spanAttributes },
        status: undefined,
        isEnded: false,
      };
      spans.push(recorded);
      const span: TracingSpan = {
        setStatus({ status }) {
          recorded.status = status;
        },
        setAttribute(key, value) {
          recorded.attributes[key] = value;
        },
        end() {
          recorded.isEnded = true;
        },
        isRecording: () => true,
        addEvent: () => {},
        recordException: () => {},
      };
      return { span, tracingContext: (options.tracingContext ?? contextOf(new Map())).setValue(SPAN_NAME, name) };
    },
    withContext: (_, callback, ...parameters) => callback(...parameters),
    parseTraceparentHeader: () => undefined,
    createRequestHeaders: () => ({ traceparent: "00-trace-span-01" }),
  });
  return spans;
}

function contextOf(values: ReadonlyMap<symbol, unknown>): TracingContext {
  return {
    getValue: (key) => values.get(key),
    setValue: (key, value) => contextOf(new Map([...values, [key, value]])),
    deleteValue: (key) => contextOf(new Map([...values].filter(([other]) => other !== key))),
  };
}
