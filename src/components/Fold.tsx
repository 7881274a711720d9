import { Button } from '@grafana/ui';
import React, { type ReactNode, useState } from 'react';

interface Props {
  id: string;
  label: string;
  /** What is inside, in a few words, for as long as it is folded. */
  summary?: string;
  children: ReactNode;
}

/** A part that is folded until it is asked for, which a screen reader tells as well. */
export function Fold({ id, label, summary, children }: Props) {
  const [isOpen, setOpen] = useState(false);
  return (
    <div>
      <Button
        variant="secondary"
        fill="text"
        size="sm"
        icon={isOpen ? 'angle-down' : 'angle-right'}
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        {summary && !isOpen ? `${label}: ${summary}` : label}
      </Button>
      {isOpen && <div id={id}>{children}</div>}
    </div>
  );
}
