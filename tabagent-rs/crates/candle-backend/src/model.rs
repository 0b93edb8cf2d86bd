//! A model ready to generate.

mod files;

use crate::decoder::Decoder;
use crate::device::{self, DeviceChoice, DtypeChoice};
use crate::scheduler::{Handle, start};
use crate::tokenizer::TextTokens;
use files::Parts;
use generation::{
    Capacity, Error, GenerateRequest, Grammars, Pacing, Result, Token, TokenStream, Vocabulary, Waiting, channel,
    check_prompt_length,
};
use hardware::{Cores, Memory};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Without a wish, no more context than this: what a conversation needs, at a cost that any machine can bear.
const LARGEST_DEFAULT_CONTEXT: u32 = 8192;

/// How to load a model.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// A GGUF file, a safetensors file or index, or a folder in Hugging Face's layout
    pub model: PathBuf,
    /// Where to compute
    pub device: DeviceChoice,
    /// Numbers to keep weights in
    pub dtype: DtypeChoice,
    /// Each conversation has the whole context length, 8192 where none is named
    pub capacity: Capacity,
}

/// What a loaded model is.
#[derive(Clone, Debug)]
pub struct ModelFacts {
    /// Such as `llama`
    pub architecture: String,
    /// Entries of the vocabulary
    pub vocab_size: usize,
    /// Bytes of the longest token: a text of n bytes has at least n divided by this many tokens
    pub longest_token: usize,
    /// Tokens the model was trained to see at once
    pub train_context_length: u32,
    /// Tokens that one conversation may have
    pub context_length: u32,
    /// Width of a token's embedding
    pub embedding_length: usize,
    /// Bytes of all tensors in the file
    pub size: u64,
    /// Conversations at once
    pub sequences: u32,
    /// Threads that compute
    pub threads: u32,
    /// Where it computes
    pub device: &'static str,
    /// Numbers that it computes in
    pub dtype: &'static str,
    /// Beginning-of-sequence token
    pub bos: Option<Token>,
    /// End-of-sequence token
    pub eos: Option<Token>,
    /// Whether prompts should begin with `bos`
    pub adds_bos: bool,
    /// Jinja chat template
    pub chat_template: Option<String>,
}

/// A loaded model and its scheduler. Dropping it closes it.
pub struct Model {
    tokens: Arc<TextTokens>,
    facts: ModelFacts,
    grammars: Grammars,
    handle: Handle,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Model {
    /// Loads a model, calling `progress` with the loaded fraction; false from it ends the load.
    ///
    /// # Errors
    /// What is wrong with the files, the device, a parameter, or memory; [`Error::Cancelled`] when `progress` said so.
    pub fn load(options: &LoadOptions, progress: impl FnMut(f32) -> bool + 'static) -> Result<Self> {
        let path = &options.model;
        let failed = |reason: String| Error::LoadFailed { path: path.clone(), reason };
        let capacity = options.capacity;
        let (sequences, threads) = (capacity.sequences()?, capacity.threads(Cores::detect().compute_threads())?);
        let device = options.device.open()?;
        let Parts { config, mut weights, tokens } = files::open(path, options.dtype, &device, progress)?;
        let longest = config.longest_context();
        let context_length = capacity.context_length(longest.min(LARGEST_DEFAULT_CONTEXT), longest)?;
        let per_token = 2 * config.layers * config.kv_heads * config.head_width * weights.dtype().size_in_bytes();
        let needed = weights.memory() + per_token as u64 * u64::from(context_length);
        if let (true, Some(Memory { available, .. })) = (device.is_cpu(), Memory::detect())
            && needed > available
        {
            return Err(Error::InsufficientMemory { path: path.clone(), needed, available });
        }
        let tokens = Arc::new(tokens);
        let facts = ModelFacts {
            architecture: config.architecture.clone(),
            vocab_size: config.vocab_size,
            longest_token: tokens.longest_token(),
            train_context_length: config.train_context,
            context_length,
            embedding_length: config.hidden,
            size: weights.bytes(),
            sequences,
            threads,
            device: device::name(&device),
            dtype: weights.dtype().as_str(),
            bos: tokens.bos,
            eos: tokens.eos,
            adds_bos: tokens.adds_bos(),
            chat_template: tokens.chat_template.clone(),
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads as usize).build();
        let pool = pool.map_err(|error| failed(error.to_string()))?;
        let decoder = weights.decoder(config, context_length as usize, &device).and_then(|decoder| {
            warm_up(&decoder, &pool)?;
            Ok(decoder)
        });
        let decoder = decoder.map_err(|error| match weights.was_ended() {
            true => Error::Cancelled,
            false => failed(plain(&error)),
        })?;
        let (handle, thread) = start(decoder, Arc::clone(&tokens), pool, sequences as usize, context_length as usize)
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { tokens, facts, grammars: Grammars::default(), handle, thread: Mutex::new(Some(thread)) })
    }

    /// What was loaded.
    pub fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    /// Text and id of every token that [`Model::tokenize`] reads from text when `parse_special` is set.
    pub fn special_tokens(&self) -> Vec<(String, Token)> {
        self.tokens.special_tokens()
    }

    /// A vocabulary entry as the vocabulary spells it.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn token_text(&self, token: Token) -> Result<String> {
        let text = self.tokens.spelling(token);
        text.ok_or_else(|| Error::invalid("token", "is not in the vocabulary"))
    }

    /// Tokens of a text.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn tokenize(&self, text: &str, add_special: bool, parse_special: bool) -> Result<Vec<Token>> {
        self.tokens.encode(text, add_special, parse_special).map_err(|reason| Error::invalid("text", reason))
    }

    /// Tokens of a prompt, as [`Model::tokenize`] with special tokens added and none read from the text.
    ///
    /// # Errors
    /// [`Error::ContextOverflow`], for a hopelessly long text without tokenising it.
    pub fn tokenize_prompt(&self, text: &str) -> Result<Vec<Token>> {
        let at_least = (text.len() / self.facts.longest_token) as u64;
        check_prompt_length(at_least, self.facts.context_length)?;
        self.tokenize(text, true, false)
    }

    /// Text of tokens; `special` shows control tokens.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn detokenize(&self, tokens: &[Token], special: bool) -> Result<String> {
        if !tokens.iter().all(|&token| self.tokens.contains(token)) {
            return Err(Error::invalid("tokens", "has a token that is not in the vocabulary"));
        }
        Ok(self.tokens.decode(tokens, special))
    }

    /// Starts a generation. A seeded draw (`seed` given, temperature above 0) reuses nothing that is cached, so that its
    /// text repeats.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`], [`Error::ContextOverflow`], [`Error::Closed`].
    pub fn generate(&self, request: GenerateRequest, pacing: Pacing) -> Result<TokenStream> {
        request.validate(&*self.tokens, self.facts.context_length)?;
        let compile = |grammar: &String| self.grammars.compile(grammar, &*self.tokens);
        let grammar = request.grammar.as_ref().map(compile).transpose()?;
        let (producer, stream) = channel(Arc::new(self.handle.clone()), pacing, request.prompt.len());
        self.handle.submit(Waiting::new(request, grammar, producer))?;
        Ok(stream)
    }

    /// Ends every generation with [`Error::Closed`] and frees weights and caches.
    pub fn close(&self) {
        self.handle.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A scheduler that panicked has dropped everything all the same.
            let _ = thread.join();
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.close();
    }
}

/// Computes one token, so that what does not fit together shows now.
fn warm_up(decoder: &Decoder, pool: &rayon::ThreadPool) -> candle_core::Result<()> {
    pool.install(|| decoder.forward(&[0], &mut decoder.cache(1), true, &|| true)).map(|_| ())
}

/// What candle says, without its backtrace.
fn plain(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or("candle gave no reason").to_owned()
}

/// A path as a message shows it.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
