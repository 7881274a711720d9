import type { SelectableValue } from '@grafana/data';
import { InlineField, Select } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { comparesAlways, uses } from '../questions';
import type { Compare } from '../types';
import { labelWidth, type PartProps } from './layout';
import { TextField } from './TextField';

const text = labels.query;
const ownWindow = 'window';
const choices: Array<SelectableValue<string>> = [
  { value: '', label: text.compareNone },
  { value: 'previous', label: text.comparePrevious },
  { value: 'deploy', label: text.compareDeploy },
  { value: ownWindow, label: text.compareWindow },
];

/** The time an answer is held against. */
export function CompareFields({ id, type, query, range, set }: PartProps) {
  if (!uses(type, 'compare', query)) {
    return null;
  }
  const always = comparesAlways(type);
  const compare: Compare = query.compare ?? (always ? 'previous' : '');
  const chosen = typeof compare === 'object' ? ownWindow : compare;
  const choose = (value: string) => {
    if (value === ownWindow) {
      const day = 24 * 60 * 60 * 1000;
      const before = (time?: number) => new Date((time ?? Date.now()) - day).toISOString();
      set({ compare: { from: before(range?.from.valueOf()), to: before(range?.to.valueOf()) } });
    } else {
      set({ compare: value || undefined });
    }
  };
  return (
    <>
      <InlineField label={text.compare} labelWidth={labelWidth} tooltip={text.compareTooltip} htmlFor={`${id}-compare`}>
        <Select
          inputId={`${id}-compare`}
          aria-label={text.compare}
          width={28}
          options={always ? choices.filter(({ value }) => value) : choices}
          value={choices.find(({ value }) => value === chosen) ?? { value: chosen, label: chosen }}
          allowCustomValue
          isValidNewOption={(typed) => typed.includes('$')}
          formatCreateLabel={text.useTyped}
          onChange={({ value = '' }) => choose(value)}
        />
      </InlineField>
      {typeof compare === 'object' && (
        <>
          <TextField
            id={`${id}-compare-from`}
            label={text.compareFrom}
            tooltip={text.compareTooltip}
            width={26}
            placeholder={text.comparePlaceholder}
            value={compare.from}
            onChange={(from) => set({ compare: { ...compare, from } })}
          />
          <TextField
            id={`${id}-compare-to`}
            label={text.compareTo}
            tooltip={text.compareTooltip}
            width={26}
            placeholder={text.comparePlaceholder}
            value={compare.to}
            onChange={(to) => set({ compare: { ...compare, to } })}
          />
        </>
      )}
    </>
  );
}
