//! Where to compute, and in what numbers.

use candle_core::{DType, Device};
use generation::{Error, Result};

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best that this build has and this machine can use
    Auto,
    /// The CPU
    Cpu,
    /// The first CUDA device
    Cuda,
    /// The first Metal device
    Metal,
}

impl DeviceChoice {
    /// The choice of that name.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn by_name(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda),
            "metal" => Ok(Self::Metal),
            _ => Err(Error::invalid("device", format!("must be auto, cpu, cuda or metal, got {name:?}"))),
        }
    }

    /// # Errors
    /// [`Error::Device`]: this build lacks it, or it does not start.
    pub(crate) fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda => cuda(),
            Self::Metal => metal(),
            Self::Auto => Ok(cuda().or_else(|_| metal()).unwrap_or(Device::Cpu)),
        }
    }
}

/// Numbers that the weights are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtypeChoice {
    /// The weights' own on a GPU; 32-bit floats on the CPU, which computes in them. Quantised weights stay as they are.
    Auto,
    /// 32-bit floats
    F32,
    /// 16-bit floats
    F16,
    /// Brain floats
    BF16,
}

impl DtypeChoice {
    /// The choice of that name.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn by_name(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Self::Auto),
            "float32" => Ok(Self::F32),
            "float16" => Ok(Self::F16),
            "bfloat16" => Ok(Self::BF16),
            _ => Err(Error::invalid("dtype", format!("must be auto, float32, float16 or bfloat16, got {name:?}"))),
        }
    }

    /// The type for weights that are stored as `stored`.
    pub(crate) fn resolve(self, stored: DType, device: &Device) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::BF16 => DType::BF16,
            Self::Auto if device.is_cpu() || !matches!(stored, DType::F16 | DType::BF16) => DType::F32,
            Self::Auto => stored,
        }
    }
}

/// The device's name.
pub(crate) fn name(device: &Device) -> &'static str {
    match device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    }
}

fn cuda() -> Result<Device> {
    if !cfg!(feature = "cuda") {
        return Err(missing("cuda"));
    }
    Device::new_cuda(0).map_err(|error| Error::Device {
        device: "cuda",
        reason: format!("CUDA did not start: {error}. Check the driver with nvidia-smi, or use device cpu"),
    })
}

fn metal() -> Result<Device> {
    if !cfg!(feature = "metal") {
        return Err(missing("metal"));
    }
    Device::new_metal(0).map_err(|error| Error::Device {
        device: "metal",
        reason: format!("Metal did not start: {error}. Use device cpu"),
    })
}

fn missing(device: &'static str) -> Error {
    let reason = format!(
        "this build of tabagent_model has no {device}. Build it with `python tabagent-rs/build_wheel.py --out dist \
         --features {device}`, or use device cpu or auto"
    );
    Error::Device { device, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_lacks_is_said_and_auto_does_without() {
        if !cfg!(feature = "cuda") {
            let error = DeviceChoice::Cuda.open().map(|_| ()).expect_err("not in this build");
            assert!(error.to_string().contains("--features cuda"), "{error}");
        }
        assert!(DeviceChoice::Auto.open().is_ok());
        assert!(DeviceChoice::by_name("tpu").is_err());
    }

    #[test]
    fn the_cpu_computes_in_floats() {
        assert_eq!(DtypeChoice::Auto.resolve(DType::BF16, &Device::Cpu), DType::F32);
        assert_eq!(DtypeChoice::BF16.resolve(DType::F32, &Device::Cpu), DType::BF16);
    }
}
