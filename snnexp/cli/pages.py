"""The pages of `snnexp --help` and of the commands that take no options of their own."""

MAIN = """snnexp: train, measure and compare deep spiking neural networks, each way of the survey.

Train
  snnexp train [+experiment=NAME] [group=option] [key=value] [-m]
      train and evaluate; -m sweeps over comma-separated values
  snnexp resume RUN_DIR
      go on with a run, or a sweep, that has not come to its end
  snnexp repeat RUN_DIR [group=option] [key=value]
      a run once more in a new folder, with changes or without
  snnexp evaluate RUN_DIR [group=option] [key=value]
      evaluate a run's weights again: timesteps=32, encoder=poisson, ...
  snnexp publish RUN_DIR --to FOLDER [--license NAME]
      the network for others: weights, configuration and model card, as the Hugging Face Hub has it

See what came of it
  snnexp runs [DIR]
      what is under outputs/: status, accuracy, T, age
  snnexp compare RUN_DIR... [--all] [--plot FILE.png [--against {timesteps,spikes,energy}]]
      runs and evaluations side by side: what came of them, in what they differ
  snnexp report RUN_DIR... -o FILE.html
      runs, or a sweep, on one page: warnings, accuracy, energy, spikes, classes, configuration
  snnexp plot RUN_DIR... KIND -o FILE.{png,svg,csv}
      one picture of that page by itself, or its figures
  snnexp export RUN_DIR -o FILE.{nir,onnx}
      the network for other programs: one of spikes as NIR, an analog one as ONNX
  snnexp table {1,2,3,text} [--runs DIR] [--format FORM]
      the survey's table, published beside measured
  snnexp wandb {sweep,workspace}
      files for W&B: a sweep for its agents, a workspace or report of a project

See what there is
  snnexp list [GROUP] [WORD]
      experiments with what they reproduce; the options of a group
  snnexp show GROUP=OPTION
      what an option is: equations, keys, ranges, defaults, source
  snnexp copy EXPERIMENT FILE
      an experiment to edit
  snnexp new GROUP NAME [--package NAME]
      a component of your own: a folder that trains at once
  snnexp data {list,prepare,verify} [NAME]
      where data is expected, what is missing, how to get it
  snnexp data show NAME -o FILE.png
      a sample of every class; of events, frame by frame
  snnexp doctor
      versions, device, threads, tracker, data found
  snnexp reproduce [ROW or EXPERIMENT ...] [--budget-hours H]
      the queue: what says most per hour first, at idle priority

Begin with `snnexp train`: it trains a small network on embedded data in under a minute.
`snnexp COMMAND --help` explains a command, `snnexp --version` says which version this is.
`eval "$(snnexp train -sc install=bash)"` switches on tab completion.
What holds for all runs (tracker, data_dir, trust, ...) may stand in ~/.config/snnexp/settings.yaml.
"""

TRAIN = """usage: snnexp train [+experiment=NAME] [group=option] [key=value] [-m] [FLAG]

Composes a configuration, checks it, trains, evaluates, and leaves a run folder under outputs/.

examples:
  snnexp train                                    a small network on embedded digits
  snnexp train +experiment=mnist_stbp_cnn         an experiment (snnexp list)
  snnexp train encoder=poisson neuron=plif timesteps=8
  snnexp train neuron.leak=0.9 surrogate=triangle surrogate.width=0.5
  snnexp train -m neuron=if,lif seed=1,2,3        a sweep: every combination is a run
  snnexp train --config-dir mine +experiment=my   with options of your own

flags:
  -m, --multirun       a sweep over comma-separated values
  --config-dir DIR     options of your own: DIR/GROUP/NAME.yaml
  --cfg job            print the composed configuration and stop
  --info               say where each value comes from and stop
  --hydra-help         the other flags of Hydra, which composes the configuration
"""

EVALUATE = """usage: snnexp evaluate RUN_DIR [group=option] [key=value]

Evaluates the weights of a finished run again under the changes, and writes the result into
RUN_DIR/evaluations. What the weights have settled is refused with the reason. A network that
somebody has published is evaluated by its folder or its address; nothing in it is executed.

examples:
  snnexp evaluate outputs/train/...                   as it was trained
  snnexp evaluate outputs/train/... timesteps=32      longer
  snnexp evaluate outputs/train/... encoder=poisson   with another code
  snnexp compare outputs/train/... outputs/train/.../evaluations/*.json
  snnexp evaluate hf://ORG/NAME                       a network of the Hugging Face Hub
  snnexp evaluate https://HOST/FOLDER data_dir=DIR    a folder of any server
"""

LIST = """usage: snnexp list [GROUP] [WORD]

Lists experiments with what they reproduce, or the options of a group. With a word: those that
have it in their name, else in what is said of them.

examples:
  snnexp list                     all experiments
  snnexp list cifar10             experiments and options with cifar10 in their name
  snnexp list experiment hybrid   experiments alone
  snnexp list neuron              the options of a group
"""

SHOW = """usage: snnexp show GROUP=OPTION | KEY

Shows what an option is: its equations and source, and of every key what it is, what it may be and
its default; or a key that belongs to no group.

examples:
  snnexp show neuron=lif
  snnexp show threshold=snn_max
  snnexp show experiment=cifar10_rmp_vgg16
  snnexp show selection
"""

COPY = """usage: snnexp copy EXPERIMENT FILE

Writes an experiment to edit. FILE is NAME.yaml in a folder named experiment; the copy stands for no
row of the survey.

example:
  snnexp copy digits_qcfs mine/experiment/my.yaml
  snnexp train --config-dir mine +experiment=my
"""

RESUME = """usage: snnexp resume RUN_DIR [--config-dir DIR]

Goes on with a run that was interrupted, or has failed, from its last checkpoint; with the folder of
a sweep, with the jobs that are not finished. A finished run is left as it is.

examples:
  snnexp runs                     which runs are not finished
  snnexp resume outputs/train/...
"""

REPEAT = """usage: snnexp repeat RUN_DIR [group=option] [key=value]

Makes a run once more, from its own configuration, in a new folder. Where the experiment is another
by now, the configuration that the run has written is taken, and said so.

examples:
  snnexp repeat outputs/train/...                 the same again
  snnexp repeat outputs/train/... seed=2
  snnexp repeat outputs/train/... neuron=plif timesteps=8
"""

DATA = """usage: snnexp data {list,prepare,verify} [NAME] [data_dir=DIR]
       snnexp data show NAME -o FILE.png [key=value]

  list             which data sets are there
  prepare NAME     download or build what torchvision can; `all` for every one
  verify [NAME]    compare what is there with what was published, and name what is missing
  show NAME        draw a sample of every class; of events frame by frame, ON orange, OFF blue

Data is looked for under SNNEXP_DATA, or data_dir=DIR.

examples:
  snnexp data list
  snnexp data prepare cifar10
  snnexp data verify cifar10 data_dir=/data
  snnexp data show digits_dvs -o digits.png dataset.frames.timesteps=8
"""

DOCTOR = """usage: snnexp doctor

Shows versions, device, threads, kernel, tracker and data: what to send along with a question. It
takes no arguments and shows no secret.
"""

PAGES = {
    "evaluate": EVALUATE,
    "list": LIST,
    "show": SHOW,
    "copy": COPY,
    "resume": RESUME,
    "repeat": REPEAT,
    "data": DATA,
    "doctor": DOCTOR,
}
"""By command; `train` has one that looks at what there is, the others print their options."""
