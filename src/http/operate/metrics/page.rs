//! Writes samples, with prometheus-client.

use std::fmt::{Debug, Error};

use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, NoLabelSet};
use prometheus_client::metrics::MetricType;

use crate::metrics::Distribution;

/// The labels of one sample.
pub type Labels<'l, const N: usize> = [(&'static str, &'l str); N];

pub struct Page<'e>(pub DescriptorEncoder<'e>);

impl Page<'_> {
    /// `_total` is added to the name.
    pub fn counters<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, u64)>,
    ) -> Result<(), Error> {
        let kind = MetricType::Counter;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in samples {
            let mut sample = metric.encode_family(&labels)?;
            sample.encode_counter::<NoLabelSet, _, f64>(&value, None)?;
        }
        Ok(())
    }

    pub fn gauges<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, impl EncodeGaugeValue + Debug)>,
    ) -> Result<(), Error> {
        let kind = MetricType::Gauge;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in samples {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    pub fn histograms<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, &'l Distribution)>,
    ) -> Result<(), Error> {
        let kind = MetricType::Histogram;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, read) in samples {
            let mut sample = metric.encode_family(&labels)?;
            sample.encode_histogram::<NoLabelSet>(read.sum, read.count(), &read.buckets(), None)?;
        }
        Ok(())
    }

    /// A counter of something that is counted in fractions.
    pub fn fractional_counter(&mut self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        let kind = MetricType::Counter;
        let mut metric = self.0.encode_descriptor(name, help, None, kind)?;
        metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
    }
}
