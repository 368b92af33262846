# The texts of the dashboard in English. The key before each = stays as it is; so do { $names }.
# A text with a plural form has a line for each form that Unicode's rules distinguish in the language.

## The frame of every page

skip-to-content = Skip to the content
nav-label = Pages
nav-overview = Overview
nav-models = Models
nav-import = Import
signed-in-as = Signed in as
sign-out = Sign out
language-label = Language
footer-api = Documentation of the API
copy = Copy
copied = Copied
cancel = Cancel

## Signing in

sign-in = Sign in
sign-in-hint = Use a user of this server, for example the one that Moodle uses.
sign-in-user = User
sign-in-password = Password
sign-in-wrong = The user or the password is wrong.
sign-in-throttled =
    { $seconds ->
        [one] Too many attempts with a wrong password. Try again in { $seconds } second.
       *[other] Too many attempts with a wrong password. Try again in { $seconds } seconds.
    }
sign-in-no-users = This server has no users. Set MOODLE_MLBACKEND_PYTHON_USERS and restart it.
done-sign-out = You are signed out.

## Overview

overview-title = Overview
status-healthy = The server is healthy
status-healthy-detail = It accepts requests, can write to its data directory and has room on its disk.
status-unhealthy = The server needs attention
status-store = The data directory cannot be written to. The log of the server says why.
status-disk = The disk is almost full. Free some space, or lower MOODLE_MLBACKEND_MIN_FREE_BYTES.
status-stopping = The server is stopping.
tile-models = Models
tile-training = Last training
tile-evaluation = Last evaluation
tile-prediction = Last prediction
tile-never = not yet
tile-problems = Problems
tile-problems-when = in the last 24 hours
tile-queue = Queue
tile-queue-running =
    { $count ->
        [one] { $count } running
       *[other] { $count } running
    }
tile-queue-waiting =
    { $count ->
        [one] { $count } waiting
       *[other] { $count } waiting
    }
tile-disk = Disk
tile-disk-free = free
tile-version = Version
tile-certificate = Certificate ends
tile-certificate-soon = renew it soon
overview-problems =
    { $count ->
        [one] { $count } problem in the last 24 hours
       *[other] { $count } problems in the last 24 hours
    }
overview-problems-label = Problems of the last 24 hours
overview-recent = Latest operations
overview-nothing-yet = Nothing was requested yet.

## What to do on an empty server

first-title = Connect your Moodle
first-lead = This server has no models yet. Moodle sends it data to learn from as soon as it knows the server.
first-command = With a command
first-command-hint = On the machine of your Moodle, with the folder of your Moodle. It asks for the password and sets everything below.
first-by-hand = By hand
first-by-hand-hint = Open this page of your Moodle and enter these settings. They are the address at which your browser reaches this server; Moodle’s machine may need another one.
first-ticked = ticked
first-not-ticked = not ticked
first-password = the password of this user
first-processor = Then choose the Python machine learning backend as the predictions processor on this page, and save.
first-then = Moodle’s cron trains models from then on. To see a first result, evaluate a model under Analytics models.

## Operations and their results

operation-training = Training
operation-evaluation = Evaluation
operation-prediction = Prediction
operation-explanation = Explanation
operation-import = Import
operation-export = Export
operation-deletion = Deletion
operation-rollback = Rollback
operation-sample-download = Download of samples
operation-pruning = Clean-up
result-ok = done
result-none = no result
result-refused = refused
result-failed = failed
result-abandoned = abandoned
result-interrupted = interrupted

## Columns of tables

column-time = Time
column-operation = Operation
column-model = Model
column-user = User
column-result = Result
column-trained = Trained
column-published = Published
column-samples = Samples
column-score = Score
column-size = Size
column-log-loss = Log-loss
column-report = Report
column-generation = Generation
column-action = Action
column-day = Day
column-indicator = Indicator
column-importance = Importance

## The list of models

models-count =
    { $count ->
        [one] { $count } model
       *[other] { $count } models
    }
samples-count =
    { $count ->
        [one] { $count } sample
       *[other] { $count } samples
    }
models-none = There are no models yet.
models-not-found = No model matches the search.
models-search = Search
models-search-label = Id, target or user
pages-label = Further pages
pages-previous = Previous page
pages-next = Next page
origin-imported = imported
origin-python-server = of the Python server
origin-none = evaluations only
origin-problem = cannot be used

## One model

tile-score = Score of the last evaluation
tile-log-loss-hint = lower is better
tile-generation = generation { $number }
verdict-good = good
verdict-low = low score
verdict-varies = varies or too few samples
verdict-none = no result
download-archive = Download the model (zip)
download-onnx = ONNX file
download-samples = Samples (CSV)
download-audit-bundle = For an auditor (zip)
model-scores = Scores over time
model-no-evaluation = No evaluation is stored. Evaluate the model in Moodle to see how good it is.
model-one-evaluation = A second evaluation will show here whether the score rises or falls.
model-newest-report = Open the newest report
model-evaluations =
    { $count ->
        [one] { $count } evaluation
       *[other] { $count } evaluations
    }
evaluation-of-trained = of the trained model
report-open = Open
model-indicators = Indicators that matter
model-indicators-hint = How much worse the predictions become when the values of an indicator are shuffled. It says what the model relies on, not what causes the result.
model-generations = Generations
generation-current = in use
generation-copy = copy of { $number }
model-batches = Batches of samples
model-batches-hint = What Moodle sent for training, the newest first.
batch-unknown-day = unknown day
batches-more =
    { $count ->
        [one] { $count } earlier batch
       *[other] { $count } earlier batches
    }
model-facts = About this model
fact-target = Target
fact-splitting = Time splitting
fact-classes = Classes
model-trail = Audit trail
model-trail-empty = The newest part of the trail has no line about this model.

## The report of an evaluation

run-title = Report of the evaluation
run-alone = Open the report alone
run-download = Download all files (zip)
back-to-model = Back to the model

## Rolling back

rollback-title = Roll back to generation { $number }
rollback-do = Roll back
rollback-what = A copy of this generation becomes the current one. Predictions use it at once, and the next training continues from its samples.
rollback-undo = Samples that came later are in the replaced generation alone, which stays until the next training. Another rollback brings them back.
done-rollback = The model was rolled back.

## Importing

import-title = Import a model
import-lead = Adds the model of an archive, or replaces the one that is stored under the same ids.
import-id = Id of the model (uniqueid)
import-dir = Id of its use (dirhash)
import-ids-hint = Moodle’s ids, as the page of a model shows them: letters, digits, -, _ and $.
import-file = Archive of the model (zip)
import-file-hint = Choose a file or drop it here: an export of this server, of the Python server, or an ONNX model in a zip.
import-do = Import
done-import = The model was imported.
replace-title = Replace this model
replace-hint = With the model of an archive. The current generation stays, so that you can roll back.
replace-do = Import and replace

## Deleting

delete-title = Delete this model
delete-hint = With all its generations, samples and reports. This cannot be undone.
delete-ask = Delete…
delete-what = Everything under this id is deleted: all generations, samples and reports, of every use. This cannot be undone.
delete-type = Type the id to confirm
delete-wrong = This is not the id of the model. Nothing was deleted.
delete-do = Delete for good
done-delete = The model was deleted.

## Errors

error-forbidden = Not permitted
error-not-found = Not found
error-conflict = That is not possible now
error-busy = The server is busy
error-disk-full = The disk is full
error-invalid = The request cannot be used
error-internal = Something went wrong
error-to-overview = To the overview
error-request = Request in the log:

## Work in progress

nav-live = Live
live-title = Work in progress
live-lead = Trainings and evaluations that wait or run. With JavaScript, this page shows their progress by itself.
live-refresh = Refresh
live-none = Nothing waits or runs at the moment.
percent = { $percent }%
phase-waiting = waiting
phase-reading = reading the samples
phase-comparing = comparing learners
phase-fitting = fitting the model
phase-evaluating = training and testing
phase-saving = saving

## Predictions of a file

predictions-title = Try predictions
predictions-lead = Upload a prediction file as Moodle sends it to see what this model predicts, and why. Nothing of the file is kept.
predictions-file = Prediction file (CSV)
predictions-file-hint = Choose a file or drop it here: with the sample ids in the first column and without the target.
predictions-do = Predict
predictions-none = There are no predictions: the model is not trained yet, or the file has no samples.
predictions-spread = Distribution of the predictions
predictions-probability = Probability of class { $class }
predictions-highest = Highest probability of class { $class }
predictions-why = Positive contributions raise the probability of the class, compared with other samples that the model has learnt from. They describe the model and are not causes.
predictions-no-why = Without explanations: no samples to compare with are kept for this model, or the file has too many samples.
column-sample = Sample
column-probability = Probability
column-class = Class
column-why = Why
