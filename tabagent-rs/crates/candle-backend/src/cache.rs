//! Keys and values of one conversation.

use candle_core::{DType, Device, Result, Tensor};

/// Tokens that the first allocation holds; doubled when they are used up.
const FIRST_ROOM: usize = 256;

/// One layer's keys and values, each tokens × heads × width.
#[derive(Default)]
struct Layer {
    held: Option<(Tensor, Tensor)>,
}

/// Keys and values of the tokens computed so far, in every layer.
pub(crate) struct Cache {
    layers: Vec<Layer>,
    heads: usize,
    width: usize,
    most: usize,
    dtype: DType,
    device: Device,
    length: usize,
}

impl Cache {
    /// Empty, for at most `most` tokens.
    pub(crate) fn new(layers: usize, heads: usize, width: usize, most: usize, dtype: DType, device: &Device) -> Self {
        let layers = (0..layers).map(|_| Layer::default()).collect();
        Self { layers, heads, width, most, dtype, device: device.clone(), length: 0 }
    }

    /// Tokens whose keys and values it holds.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Bytes allocated.
    pub(crate) fn bytes(&self) -> usize {
        let of_layer = |layer: &Layer| layer.held.as_ref().map_or(0, |(keys, _)| 2 * keys.elem_count());
        self.layers.iter().map(of_layer).sum::<usize>() * self.dtype.size_in_bytes()
    }

    /// Forgets all but the first tokens.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Adds a layer's keys and values for the tokens after [`Cache::len`]; returns them all.
    pub(crate) fn append(&mut self, layer: usize, keys: &Tensor, values: &Tensor) -> Result<(Tensor, Tensor)> {
        let length = self.length + keys.dim(0)?;
        if length > self.most {
            candle_core::bail!("the context of {} tokens is full", self.most);
        }
        let room = match &self.layers[layer].held {
            Some((held, _)) => held.dim(0)?,
            None => 0,
        };
        if length > room {
            self.grow(layer, length)?;
        }
        let Some((all_keys, all_values)) = &self.layers[layer].held else {
            candle_core::bail!("the cache has no room");
        };
        all_keys.slice_set(&keys.contiguous()?, 0, self.length)?;
        all_values.slice_set(&values.contiguous()?, 0, self.length)?;
        Ok((all_keys.narrow(0, 0, length)?, all_values.narrow(0, 0, length)?))
    }

    /// The tokens that every layer has now been given.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.length += tokens;
    }

    fn grow(&mut self, layer: usize, needed: usize) -> Result<()> {
        let room = needed.next_power_of_two().max(FIRST_ROOM).min(self.most.max(needed));
        let bigger = |held: Option<&Tensor>| -> Result<Tensor> {
            let fresh = Tensor::zeros((room, self.heads, self.width), self.dtype, &self.device)?;
            if let (Some(held), true) = (held, self.length > 0) {
                fresh.slice_set(&held.narrow(0, 0, self.length)?, 0, 0)?;
            }
            Ok(fresh)
        };
        let held = self.layers[layer].held.take();
        let (keys, values) = (held.as_ref().map(|held| &held.0), held.as_ref().map(|held| &held.1));
        let grown = (bigger(keys)?, bigger(values)?);
        self.layers[layer].held = Some(grown);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(from: usize, to: usize) -> Tensor {
        let data: Vec<f32> = (from..to).flat_map(|row| [row as f32; 2]).collect();
        Tensor::from_vec(data, (to - from, 1, 2), &Device::Cpu).expect("a tensor")
    }

    #[test]
    fn it_grows_and_is_cut() -> Result<()> {
        let mut cache = Cache::new(1, 1, 2, 1000, DType::F32, &Device::Cpu);
        let mut all = rows(0, 1);
        for (from, to) in [(0, 200), (200, 201), (201, 700)] {
            all = cache.append(0, &rows(from, to), &rows(from, to))?.0;
            cache.advance(to - from);
        }
        assert_eq!(all.flatten_all()?.to_vec1::<f32>()?, rows(0, 700).flatten_all()?.to_vec1::<f32>()?);
        assert_eq!((cache.len(), cache.bytes()), (700, 2 * 1000 * 2 * 4));
        cache.truncate(1);
        let (keys, _) = cache.append(0, &rows(9, 10), &rows(9, 10))?;
        assert_eq!(keys.flatten_all()?.to_vec1::<f32>()?, [0.0, 0.0, 9.0, 9.0]);
        assert!(cache.append(0, &rows(0, 1000), &rows(0, 1000)).is_err());
        Ok(())
    }
}
