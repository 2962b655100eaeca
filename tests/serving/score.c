/* Scores one row of tokens with the C API of TensorFlow, the loader of servers; see test_other_loaders.py.
 *
 * score DIRECTORY INPUT_OPERATION OUTPUT_OPERATION OUTPUT_INDEX TOKEN...
 * prints the float32 output, one number a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tensorflow/c/c_api.h>

static void check(TF_Status *status) {
  if (TF_GetCode(status) != TF_OK) {
    fprintf(stderr, "%s\n", TF_Message(status));
    exit(1);
  }
}

static TF_Output find(TF_Graph *graph, const char *name, int index) {
  TF_Output found = {TF_GraphOperationByName(graph, name), index};
  if (found.oper == NULL) {
    fprintf(stderr, "no operation %s\n", name);
    exit(1);
  }
  return found;
}

int main(int count, char **arguments) {
  const char *tags[] = {"serve"};
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, arguments[1], tags, 1, graph, NULL, status);
  check(status);
  int64_t tokens = count - 5, shape[] = {1, tokens};
  TF_Tensor *input = TF_AllocateTensor(TF_INT32, shape, 2, tokens * sizeof(int32_t)), *output = NULL;
  for (int64_t i = 0; i < tokens; ++i) ((int32_t *)TF_TensorData(input))[i] = atoi(arguments[5 + i]);
  TF_Output from = find(graph, arguments[2], 0), to = find(graph, arguments[3], atoi(arguments[4]));
  TF_SessionRun(session, NULL, &from, &input, 1, &to, &output, 1, NULL, 0, NULL, status);
  check(status);
  const float *values = TF_TensorData(output);
  for (size_t i = 0; i < TF_TensorByteSize(output) / sizeof(float); ++i) printf("%.9g\n", values[i]);
  return 0;
}
