"""Looking inside a network: functions that return data, and figures of that data. torch comes with the names that need it."""

from typing import TYPE_CHECKING

from neocog.lazy import lazy

if TYPE_CHECKING:
    from neocog.explain.anatomy.dead import Idle as Idle
    from neocog.explain.anatomy.dead import dead_units as dead_units
    from neocog.explain.anatomy.dead_figure import draw_dead as draw_dead
    from neocog.explain.anatomy.flow import Flow as Flow
    from neocog.explain.anatomy.flow import gradient_flow as gradient_flow
    from neocog.explain.anatomy.flow_figure import draw_flow as draw_flow
    from neocog.explain.anatomy.histograms import Moment as Moment
    from neocog.explain.anatomy.histograms import moment as moment
    from neocog.explain.anatomy.histograms_figure import draw_histograms as draw_histograms
    from neocog.explain.anatomy.norms import BatchNormed as BatchNormed
    from neocog.explain.anatomy.norms import Damped as Damped
    from neocog.explain.anatomy.norms import norm_layers as norm_layers
    from neocog.explain.anatomy.norms import normalisation as normalisation
    from neocog.explain.anatomy.norms_figure import draw_norms as draw_norms
    from neocog.explain.anatomy.responses import Responses as Responses
    from neocog.explain.anatomy.responses import layer_responses as layer_responses
    from neocog.explain.anatomy.responses_figure import draw_responses as draw_responses
    from neocog.explain.answers.figure import draw_planes as draw_planes
    from neocog.explain.answers.figure import draw_templates as draw_templates
    from neocog.explain.answers.filters import Filters as Filters
    from neocog.explain.answers.filters import filters_of as filters_of
    from neocog.explain.answers.filters import relu_of as relu_of
    from neocog.explain.answers.filters_figure import draw_filters as draw_filters
    from neocog.explain.answers.hog import Spoken as Spoken
    from neocog.explain.answers.hog import Strokes as Strokes
    from neocog.explain.answers.hog import draw_strokes as draw_strokes
    from neocog.explain.answers.hog import spoken as spoken
    from neocog.explain.answers.hog import strokes as strokes
    from neocog.explain.answers.linear import Templates as Templates
    from neocog.explain.answers.linear import templates as templates
    from neocog.explain.answers.maps import Planes as Planes
    from neocog.explain.answers.maps import default_layers as default_layers
    from neocog.explain.answers.maps import planes as planes
    from neocog.explain.attribution.attribute import Attribution as Attribution
    from neocog.explain.attribution.attribute import attribute as attribute
    from neocog.explain.attribution.cam import cam_layer as cam_layer
    from neocog.explain.attribution.figure import draw_attribution as draw_attribution
    from neocog.explain.attribution.figure import draw_comparison as draw_comparison
    from neocog.explain.attribution.methods import METHODS as METHODS
    from neocog.explain.attribution.methods import Method as Method
    from neocog.explain.attribution.sanity import Badge as Badge
    from neocog.explain.attribution.sanity import badge as badge
    from neocog.explain.attribution.sanity import randomisation as randomisation
    from neocog.explain.classroom import LESSONS as LESSONS
    from neocog.explain.classroom import Lesson as Lesson
    from neocog.explain.classroom import lesson as lesson
    from neocog.explain.deconvnet.figure import draw_projection as draw_projection
    from neocog.explain.deconvnet.project import Projection as Projection
    from neocog.explain.deconvnet.project import liveliest as liveliest
    from neocog.explain.deconvnet.project import project as project
    from neocog.explain.deconvnet.rules import RULES as RULES
    from neocog.explain.deconvnet.rules import backward as backward
    from neocog.explain.deconvnet.rules import undefined as undefined
    from neocog.explain.feeding import Batch as Batch
    from neocog.explain.feeding import batches as batches
    from neocog.explain.feeding import noise as noise
    from neocog.explain.fields.effective import EffectiveField as EffectiveField
    from neocog.explain.fields.effective import effective_field as effective_field
    from neocog.explain.fields.effective import initial_field as initial_field
    from neocog.explain.fields.effective_figure import draw_effective as draw_effective
    from neocog.explain.fields.figure import draw_fields as draw_fields
    from neocog.explain.fields.placing import Box as Box
    from neocog.explain.fields.placing import on_picture as on_picture
    from neocog.explain.fields.theoretical import UnitField as UnitField
    from neocog.explain.fields.theoretical import unit_field as unit_field
    from neocog.explain.fields.theoretical import unit_fields as unit_fields
    from neocog.explain.inside import input_of as input_of
    from neocog.explain.inside import pixels_of as pixels_of
    from neocog.explain.inside import undisturbed as undisturbed
    from neocog.explain.inside import values_at as values_at
    from neocog.explain.kinship.feature_map import FeatureMap as FeatureMap
    from neocog.explain.kinship.feature_map import map_features as map_features
    from neocog.explain.kinship.feature_map_figure import draw_map as draw_map
    from neocog.explain.kinship.nearest import Nearest as Nearest
    from neocog.explain.kinship.nearest import nearest_pictures as nearest_pictures
    from neocog.explain.kinship.nearest_figure import draw_nearest as draw_nearest
    from neocog.explain.occlusion.baselines import baseline_of as baseline_of
    from neocog.explain.occlusion.correspondence import Correspondence as Correspondence
    from neocog.explain.occlusion.correspondence_figure import draw_correspondence as draw_correspondence
    from neocog.explain.occlusion.figure import draw_occlusion as draw_occlusion
    from neocog.explain.occlusion.hidden import object_and_rest as object_and_rest
    from neocog.explain.occlusion.hidden import read_boxes as read_boxes
    from neocog.explain.occlusion.slide import Occlusion as Occlusion
    from neocog.explain.occlusion.slide import occlude as occlude
    from neocog.explain.occlusion.slide import occluding as occluding
    from neocog.explain.occlusion.veil import Veil as Veil
    from neocog.explain.synthesis.inversion import Inversion as Inversion
    from neocog.explain.synthesis.inversion import InversionSettings as InversionSettings
    from neocog.explain.synthesis.inversion import invert as invert
    from neocog.explain.synthesis.inversion import invert_layers as invert_layers
    from neocog.explain.synthesis.inversion_figure import draw_inversion as draw_inversion
    from neocog.explain.synthesis.maximisation import AscentSettings as AscentSettings
    from neocog.explain.synthesis.maximisation import Best as Best
    from neocog.explain.synthesis.maximisation import Maxima as Maxima
    from neocog.explain.synthesis.maximisation import best_of as best_of
    from neocog.explain.synthesis.maximisation import maximise as maximise
    from neocog.explain.synthesis.maximisation_figure import draw_maxima as draw_maxima
    from neocog.explain.targets import Target as Target
    from neocog.explain.targets import classes as classes
    from neocog.explain.winners.evolution import Evolution as Evolution
    from neocog.explain.winners.evolution import evolve as evolve
    from neocog.explain.winners.evolution import snapshots as snapshots
    from neocog.explain.winners.evolution_figure import draw_evolution as draw_evolution
    from neocog.explain.winners.figure import draw_top as draw_top
    from neocog.explain.winners.patches import Exemplars as Exemplars
    from neocog.explain.winners.patches import boxes_of as boxes_of
    from neocog.explain.winners.patches import exemplars as exemplars
    from neocog.explain.winners.patches import telling_maps as telling_maps
    from neocog.explain.winners.search import Top as Top
    from neocog.explain.winners.search import Winners as Winners
    from neocog.explain.winners.search import natural_layers as natural_layers
    from neocog.explain.winners.search import spatial_layers as spatial_layers
    from neocog.explain.winners.search import strongest as strongest

_HOME = {
    "draw_correspondence": "occlusion.correspondence_figure",
    "Correspondence": "occlusion.correspondence",
    "read_boxes": "occlusion.hidden",
    "object_and_rest": "occlusion.hidden",
    "Veil": "occlusion.veil",
    "draw_occlusion": "occlusion.figure",
    "occluding": "occlusion.slide",
    "occlude": "occlusion.slide",
    "Occlusion": "occlusion.slide",
    "Evolution": "winners.evolution",
    "evolve": "winners.evolution",
    "snapshots": "winners.evolution",
    "draw_evolution": "winners.evolution_figure",
    "map_features": "kinship.feature_map",
    "normalisation": "anatomy.norms",
    "layer_responses": "anatomy.responses",
    "Flow": "anatomy.flow",
    "gradient_flow": "anatomy.flow",
    "draw_flow": "anatomy.flow_figure",
    "Responses": "anatomy.responses",
    "draw_responses": "anatomy.responses_figure",
    "BatchNormed": "anatomy.norms",
    "Damped": "anatomy.norms",
    "norm_layers": "anatomy.norms",
    "draw_norms": "anatomy.norms_figure",
    "Idle": "anatomy.dead",
    "dead_units": "anatomy.dead",
    "draw_dead": "anatomy.dead_figure",
    "Moment": "anatomy.histograms",
    "moment": "anatomy.histograms",
    "draw_histograms": "anatomy.histograms_figure",
    "Nearest": "kinship.nearest",
    "nearest_pictures": "kinship.nearest",
    "draw_nearest": "kinship.nearest_figure",
    "FeatureMap": "kinship.feature_map",
    "draw_map": "kinship.feature_map_figure",
    "Batch": "feeding",
    "batches": "feeding",
    "noise": "feeding",
    "UnitField": "fields.theoretical",
    "unit_field": "fields.theoretical",
    "unit_fields": "fields.theoretical",
    "Box": "fields.placing",
    "on_picture": "fields.placing",
    "draw_fields": "fields.figure",
    "EffectiveField": "fields.effective",
    "effective_field": "fields.effective",
    "initial_field": "fields.effective",
    "draw_effective": "fields.effective_figure",
    "Inversion": "synthesis.inversion",
    "InversionSettings": "synthesis.inversion",
    "invert": "synthesis.inversion",
    "invert_layers": "synthesis.inversion",
    "AscentSettings": "synthesis.maximisation",
    "Best": "synthesis.maximisation",
    "Maxima": "synthesis.maximisation",
    "best_of": "synthesis.maximisation",
    "maximise": "synthesis.maximisation",
    "draw_inversion": "synthesis.inversion_figure",
    "draw_maxima": "synthesis.maximisation_figure",
    "Filters": "answers.filters",
    "draw_filters": "answers.filters_figure",
    "filters_of": "answers.filters",
    "relu_of": "answers.filters",
    "Attribution": "attribution.attribute",
    "attribute": "attribution.attribute",
    "baseline_of": "occlusion.baselines",
    "cam_layer": "attribution.cam",
    "draw_attribution": "attribution.figure",
    "draw_comparison": "attribution.figure",
    "METHODS": "attribution.methods",
    "Method": "attribution.methods",
    "Badge": "attribution.sanity",
    "badge": "attribution.sanity",
    "randomisation": "attribution.sanity",
    "Top": "winners.search",
    "Winners": "winners.search",
    "natural_layers": "winners.search",
    "spatial_layers": "winners.search",
    "strongest": "winners.search",
    "Exemplars": "winners.patches",
    "boxes_of": "winners.patches",
    "exemplars": "winners.patches",
    "telling_maps": "winners.patches",
    "draw_top": "winners.figure",
    "LESSONS": "classroom",
    "Lesson": "classroom",
    "lesson": "classroom",
    "Projection": "deconvnet.project",
    "liveliest": "deconvnet.project",
    "project": "deconvnet.project",
    "draw_projection": "deconvnet.figure",
    "RULES": "deconvnet.rules",
    "backward": "deconvnet.rules",
    "undefined": "deconvnet.rules",
    "draw_planes": "answers.figure",
    "draw_templates": "answers.figure",
    "input_of": "inside",
    "pixels_of": "inside",
    "undisturbed": "inside",
    "values_at": "inside",
    "Planes": "answers.maps",
    "default_layers": "answers.maps",
    "planes": "answers.maps",
    "Spoken": "answers.hog",
    "Strokes": "answers.hog",
    "draw_strokes": "answers.hog",
    "spoken": "answers.hog",
    "strokes": "answers.hog",
    "Target": "targets",
    "classes": "targets",
    "Templates": "answers.linear",
    "templates": "answers.linear",
}

__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = lazy(__name__, _HOME)
