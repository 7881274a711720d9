import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A span that one of the shop's services exported. */
export interface Span {
  service: string;
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId: string;
  /** How long it took, in milliseconds. */
  duration: number;
  /** What its status says; "" unless it failed. */
  failure: string;
}

/** The spans of a trace, from the file that the demo's back end writes its exports to: OTLP JSON, one export a line. */
export function exportedSpans(data: string, traceId: string): Span[] {
  const lines = readFileSync(join(data, 'backend/spans.jsonl'), 'utf8').split('\n').filter(Boolean);
  return lines
    .flatMap((line) => (JSON.parse(line) as Export).resourceSpans)
    .flatMap(({ resource, scopeSpans }) => {
      const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
      return scopeSpans.flatMap(({ spans }) => spans.map((span) => spanOf(service, span)));
    })
    .filter((span) => span.traceId === traceId);
}

interface Export {
  resourceSpans: Array<{
    resource: { attributes: Array<{ key: string; value: { stringValue?: string } }> };
    scopeSpans: Array<{ spans: ExportedSpan[] }>;
  }>;
}

interface ExportedSpan {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status?: { message?: string };
}

function spanOf(service: string, span: ExportedSpan): Span {
  return {
    service,
    name: span.name,
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? '',
    duration: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
    failure: span.status?.message ?? '',
  };
}
