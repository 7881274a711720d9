import type { PanelData } from '@grafana/data';
import { InlineField, InlineFieldRow, InlineSwitch } from '@grafana/ui';
import React from 'react';
import { labels } from '../labels';
import { uses } from '../questions';
import type { SightlineQuery } from '../types';
import { ExecutedSql } from './ExecutedSql';
import { Fold } from './Fold';
import { labelWidth, type PartProps } from './layout';
import { NumberField } from './NumberField';
import { TextField } from './TextField';

const text = labels.query;

/** What most people never need, folded away; what is set there is told all the same. */
export function MoreFields({ data, ...props }: PartProps & { data?: PanelData }) {
  const { id, type, query, set } = props;
  return (
    <Fold id={`${id}-more`} label={text.more} summary={summaryOf(query)}>
      <InlineFieldRow>
        {uses(type, 'minSamples', query) && (
          <NumberField
            id={`${id}-minSamples`}
            label={text.minSamples}
            tooltip={text.minSamplesTooltip}
            labelWidth={labelWidth}
            placeholder={String(props.datasource.settings.minSamples || text.default)}
            value={query.minSamples}
            onChange={(minSamples) => set({ minSamples })}
          />
        )}
        {uses(type, 'limit', query) && (
          <NumberField
            id={`${id}-limit`}
            label={text.limit}
            tooltip={text.limitTooltip}
            labelWidth={labelWidth}
            placeholder={text.default}
            value={query.limit}
            onChange={(limit) => set({ limit })}
          />
        )}
        {uses(type, 'exemplars', query) && (
          <InlineField
            label={text.exemplars}
            tooltip={text.exemplarsTooltip}
            labelWidth={labelWidth}
            htmlFor={`${id}-exemplars`}
          >
            <InlineSwitch
              id={`${id}-exemplars`}
              value={Boolean(query.exemplars)}
              onChange={(event) => set({ exemplars: event.currentTarget.checked || undefined })}
            />
          </InlineField>
        )}
      </InlineFieldRow>
      <InlineFieldRow>
        {(['window', 'baseline'] as const).map(
          (field) =>
            uses(type, field, query) && (
              <TextField
                key={field}
                id={`${id}-${field}`}
                label={text[field]}
                tooltip={text[`${field}Tooltip`]}
                labelWidth={labelWidth}
                width={14}
                placeholder={text[`${field}Placeholder`]}
                value={query[field] ?? ''}
                onChange={(value) => set({ [field]: value || undefined })}
              />
            )
        )}
      </InlineFieldRow>
      <ExecutedSql id={id} refId={query.refId} data={data} />
    </Fold>
  );
}

function summaryOf({ minSamples, limit, window, baseline, exemplars }: SightlineQuery): string {
  const set = { [text.minSamples]: minSamples, [text.limit]: limit, [text.window]: window, [text.baseline]: baseline };
  return Object.entries(set)
    .flatMap(([name, value]) => (value ? `${name} ${value}` : []))
    .concat(exemplars ? text.exemplars : [])
    .join(', ');
}
