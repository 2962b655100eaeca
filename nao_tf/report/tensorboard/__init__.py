"""A run for TensorBoard: scores and losses, a trial for each child, drawings, the best as a table, embeddings.

The folders that TensorBoard shows as runs, for a search by the strategy `nao`:

* `search_nao`: scores and the best so far, against the number of evaluations; the files of the Projector;
* `search_nao/training`: training losses of children, while they are in training;
* `search_nao/controller`: losses and quality of the controller, against rounds;
* `search_nao/top`: the best as a table and as drawings;
* `search_nao/child_00012`: a child, which is a trial of HParams;
* `final_nao_12`, `lstm` and others, one for each final model.
"""

from nao_tf.report.tensorboard.observer import TensorBoardObserver

__all__ = ["TensorBoardObserver"]
