import { InlineField, Input } from '@grafana/ui';
import React, { useState } from 'react';
import { labels } from '../labels';
import type { SightlineQuery } from '../types';

interface Props {
  id: string;
  query: SightlineQuery;
  set: (part: Partial<SightlineQuery>) => void;
}

/** Which session is looked at. The query runs when the field is left or Enter is pressed, not with every key. */
export function SessionField({ id, query, set }: Props) {
  const [text, setText] = useState(query.sessionId ?? '');
  const done = () => text !== (query.sessionId ?? '') && set({ sessionId: text.trim() });
  return (
    <InlineField label={labels.query.session} tooltip={labels.query.sessionTooltip} htmlFor={`${id}-session`}>
      <Input
        id={`${id}-session`}
        width={24}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={done}
        onKeyDown={(event) => event.key === 'Enter' && done()}
      />
    </InlineField>
  );
}
