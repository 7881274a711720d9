import { InlineField, Select } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { nameOf } from '../names';
import { formatsIn, type Place } from '../questions';
import type { PartProps } from './layout';

/** The shape of the answer. With a single one to choose from there is nothing to choose. */
export function FormatField({ id, type, query, set, place }: PartProps & { place: Place }) {
  const formats = formatsIn(type, place);
  const value = query.format ?? type.formats[0];
  if (formats.length < 2 && formats[0] === value) {
    return null;
  }
  return (
    <InlineField label={labels.query.format} htmlFor={`${id}-format`}>
      <Select
        inputId={`${id}-format`}
        aria-label={labels.query.format}
        width={18}
        options={formats.map(formatOption)}
        value={formatOption(value)}
        onChange={(chosen) => set({ format: chosen.value })}
      />
    </InlineField>
  );
}

export function formatOption(value: string) {
  return { value, label: nameOf(value), ...labels.formats[value] };
}
