import { clean } from './address';
import { keepError } from './errors';
import { on } from './guard';
import { options } from './options';
import { frame } from './stack';

/** What the bodies of all reports have in common. */
interface Reported {
  id: string;
  message: string;
  sourceFile?: string | null;
  lineNumber?: number | null;
  columnNumber?: number | null;
}

const keep = (kind: string, { id, message, sourceFile, lineNumber, columnNumber }: Reported) =>
  keepError(kind, id, message, sourceFile ? [frame(sourceFile, lineNumber, columnNumber)] : [], { handled: true });

/** What the browser reports by itself: broken policies, what it will not do for much longer, and what it refused to do. */
export function observeReports(): void {
  on(document, 'securitypolicyviolation', (broken: SecurityPolicyViolationEvent) => {
    const { blockedURI, effectiveDirective: id, sourceFile, lineNumber, columnNumber } = broken;
    // Where the policy forbids the collector itself, each attempt would tell of the one before.
    if (!options.collector?.startsWith(blockedURI)) {
      keep('csp-violation', { id, message: `blocked ${clean(blockedURI)} by ${id}`, sourceFile, lineNumber, columnNumber });
    }
  });
  new ReportingObserver((reports) => reports.forEach(({ type, body }) => keep(type, body as unknown as Reported)), {
    types: ['deprecation', 'intervention'],
    buffered: true,
  }).observe();
}
