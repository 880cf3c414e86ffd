//! The kernels' texts, and how a text becomes a program for cubecl.
//!
//! Kernels are WGSL under `shaders/network`. A variant of a kernel is its text after a few
//! constants, so every number in its loops is known when it is compiled; there are few,
//! because each is compiled once on each run of the program.

use cubecl::ir::UIntKind;
use cubecl::ir::metadata::Info;
use cubecl::ir::settings::Dim3;
use cubecl::prelude::{
    AddressType, CubeKernel, ElemType, ExecutionMode, KernelDefinition, KernelId, KernelMetadata,
    KernelSettings, PrecompiledSource, Scope,
};

use super::attention;
use super::network::head_program;
use super::product::Tile;

/// A kernel's name and text.
#[derive(Debug, Clone, Copy)]
pub struct Shader {
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! shaders {
    ($($(#[$doc:meta])* $constant:ident = $name:literal),* $(,)?) => {
        $(
            $(#[$doc])*
            pub const $constant: Shader = Shader {
                name: $name,
                text: include_str!(concat!("../../../../shaders/network/", $name, ".wgsl")),
            };
        )*

        /// Every kernel.
        pub const ALL: &[Shader] = &[$($constant),*];
    };
}

shaders! {
    PRODUCT = "product",
    SUM_SPLITS = "sum_splits",
    ATTENTION = "attention",
    ROW_NORM = "row_norm",
    CHANNEL_PARTS = "channel_parts",
    CHANNEL_NORM = "channel_norm",
    RESIDUAL = "residual",
    HEAD = "head",
    CLEAR = "clear",
    WINDOW = "window",
    STITCH = "stitch",
    BLEND = "blend",
    MEASURE = "measure",
}

/// What the kernels share.
const COMMON: &str = include_str!("../../../../shaders/network/common.wgsl");

/// How weights and maps are stored. Sums, norms and logits are in single precision in
/// either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    #[default]
    Single,
    /// Half the memory; about three decimal digits. Needs `SHADER_F16`.
    Half,
}

impl Precision {
    /// Bytes of a stored number.
    pub fn bytes(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Half => 2,
        }
    }
}

/// A variant of a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Program {
    name: &'static str,
    constants: Vec<(&'static str, usize)>,
    precision: Precision,
    /// Whether the result is kept in single precision where maps are not.
    single_result: bool,
    workgroup: [u32; 3],
}

impl Program {
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn new(shader: Shader, precision: Precision, workgroup: [u32; 3]) -> Self {
        Self {
            name: shader.name,
            constants: Vec::new(),
            precision,
            single_result: false,
            workgroup,
        }
    }

    /// Sets a constant that the text leaves open.
    pub fn constant(mut self, name: &'static str, value: usize) -> Self {
        self.constants.push((name, value));
        self
    }

    /// Keeps the result in single precision.
    pub fn single_result(mut self, wanted: bool) -> Self {
        // Where everything is in single precision there is one program, not two.
        self.single_result = wanted && self.precision == Precision::Half;
        self
    }

    /// The whole text.
    pub fn wgsl(&self) -> String {
        let (enable, stored) = match self.precision {
            Precision::Single => ("", "f32"),
            Precision::Half => ("enable f16;\n", "f16"),
        };
        let written = if self.single_result { "f32" } else { stored };
        let mut text =
            format!("{enable}alias Stored = vec4<{stored}>;\nalias Written = vec4<{written}>;\n");
        for (name, value) in &self.constants {
            text.push_str(&format!("const {name} = {value}u;\n"));
        }
        text.push_str(COMMON);
        if let Some(shader) = ALL.iter().find(|shader| shader.name == self.name) {
            text.push_str(shader.text);
        }
        text
    }
}

fn dims([x, y, z]: [u32; 3]) -> Dim3 {
    (x, y, z).into()
}

impl KernelMetadata for Program {
    fn name(&self) -> &'static str {
        self.name
    }

    fn id(&self) -> KernelId {
        // Our kernels look after their bounds themselves; checked mode would add a counter
        // to every loop, which keeps drivers from unrolling it.
        let id = KernelId::new::<Self>().mode(ExecutionMode::Unchecked);
        id.cube_dim(dims(self.workgroup)).info(self.clone())
    }

    fn address_type(&self) -> ElemType {
        UIntKind::U32.into()
    }
}

impl CubeKernel for Program {
    /// Nothing to define: the text is the kernel.
    fn define(&self) -> KernelDefinition {
        let settings = KernelSettings::new(
            dims(self.workgroup),
            ExecutionMode::Unchecked,
            AddressType::U32,
        );
        KernelDefinition {
            body: Scope::root(settings.clone()),
            settings,
            info: Info::default(),
        }
    }

    fn source(&self) -> Option<PrecompiledSource> {
        Some(PrecompiledSource {
            source: self.wgsl(),
            entrypoint_name: "main".to_owned(),
            lang: "wgsl",
        })
    }
}

/// The kernels without variants, with the threads of a workgroup.
const PLAIN: &[(Shader, u32)] = &[
    (SUM_SPLITS, 128),
    (ROW_NORM, 128),
    (CHANNEL_PARTS, 256),
    (CHANNEL_NORM, 64),
    (RESIDUAL, 128),
    (CLEAR, 128),
    (WINDOW, 128),
    (STITCH, 128),
    (BLEND, 128),
    (MEASURE, 128),
];

/// Every variant that networks of the usual widths use, for checks without a device.
pub fn variants(precision: Precision) -> Vec<Program> {
    let plain = PLAIN
        .iter()
        .map(|(shader, threads)| Program::new(*shader, precision, [*threads, 1, 1]));
    let products = Tile::ALL
        .into_iter()
        .flat_map(|tile| [false, true].map(|single| tile.program(precision, single)));
    let attention = [4, 8, 12, 16, 32].map(|width| attention::program(precision, width));
    let heads = [1, 3, 14].map(|classes| head_program(precision, classes));
    plain
        .chain(products)
        .chain(attention)
        .chain(heads)
        .collect()
}
