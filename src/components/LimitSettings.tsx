import { Collapse, Field, Input } from '@grafana/ui';
import React, { useState } from 'react';
import { labels } from '../labels';
import type { SightlineSettings } from '../types';
import { positive } from './positive';
import { type ConfigProps, useSettings } from './useSettings';

const text = labels.config;

type Limit = keyof Pick<
  SightlineSettings,
  'minSamples' | 'maxRows' | 'maxExecutionSeconds' | 'maxMemoryMB' | 'maxRowsRead'
>;

/** When a percentile is a number at all, and what one question may cost the store. Folded away: the defaults do. */
export function LimitSettings(props: ConfigProps) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Collapse label={text.limits} isOpen={isOpen} onToggle={() => setOpen(!isOpen)} collapsible>
      {(Object.keys(text.limit) as Limit[]).map((limit) => (
        <LimitField key={limit} {...props} limit={limit} />
      ))}
    </Collapse>
  );
}

function LimitField({ limit, ...props }: ConfigProps & { limit: Limit }) {
  const { settings, set } = useSettings(props);
  const { label, description, placeholder } = text.limit[limit];
  return (
    <Field label={label} description={description}>
      <Input
        id={`sightline-${limit}`}
        width={20}
        type="number"
        min={1}
        placeholder={placeholder}
        value={settings[limit] ?? ''}
        onChange={(event) => set(limit, positive(event.currentTarget.value))}
      />
    </Field>
  );
}
