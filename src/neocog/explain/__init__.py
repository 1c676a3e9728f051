"""Looking inside a network: functions that return data, and figures of that data. torch comes with the names that need it."""

from typing import TYPE_CHECKING

from neocog.lazy import lazy

if TYPE_CHECKING:
    from neocog.explain.attribution import Attribution as Attribution
    from neocog.explain.attribution import attribute as attribute
    from neocog.explain.attribution_figure import draw_attribution as draw_attribution
    from neocog.explain.attribution_figure import draw_comparison as draw_comparison
    from neocog.explain.baselines import baseline_of as baseline_of
    from neocog.explain.cam import cam_layer as cam_layer
    from neocog.explain.classroom import LESSONS as LESSONS
    from neocog.explain.classroom import Lesson as Lesson
    from neocog.explain.classroom import lesson as lesson
    from neocog.explain.correspondence import Correspondence as Correspondence
    from neocog.explain.correspondence import draw_correspondence as draw_correspondence
    from neocog.explain.dead import Idle as Idle
    from neocog.explain.dead import dead_units as dead_units
    from neocog.explain.dead_figure import draw_dead as draw_dead
    from neocog.explain.deconvnet import Projection as Projection
    from neocog.explain.deconvnet import liveliest as liveliest
    from neocog.explain.deconvnet import project as project
    from neocog.explain.draw import draw_planes as draw_planes
    from neocog.explain.draw import draw_templates as draw_templates
    from neocog.explain.draw_deconvnet import draw_projection as draw_projection
    from neocog.explain.effective import EffectiveField as EffectiveField
    from neocog.explain.effective import effective_field as effective_field
    from neocog.explain.effective import initial_field as initial_field
    from neocog.explain.effective_figure import draw_effective as draw_effective
    from neocog.explain.evolution import Evolution as Evolution
    from neocog.explain.evolution import evolve as evolve
    from neocog.explain.evolution import snapshots as snapshots
    from neocog.explain.feature_map import FeatureMap as FeatureMap
    from neocog.explain.feature_map import map_features as map_features
    from neocog.explain.feature_map_figure import draw_map as draw_map
    from neocog.explain.feeding import Batch as Batch
    from neocog.explain.feeding import batches as batches
    from neocog.explain.feeding import noise as noise
    from neocog.explain.fields import UnitField as UnitField
    from neocog.explain.fields import unit_field as unit_field
    from neocog.explain.fields import unit_fields as unit_fields
    from neocog.explain.fields_figure import draw_fields as draw_fields
    from neocog.explain.film import draw_evolution as draw_evolution
    from neocog.explain.filter_sheet import draw_filters as draw_filters
    from neocog.explain.filters import Filters as Filters
    from neocog.explain.filters import filters_of as filters_of
    from neocog.explain.filters import relu_of as relu_of
    from neocog.explain.flow import Flow as Flow
    from neocog.explain.flow import gradient_flow as gradient_flow
    from neocog.explain.flow_figure import draw_flow as draw_flow
    from neocog.explain.hidden import object_and_rest as object_and_rest
    from neocog.explain.hidden import read_boxes as read_boxes
    from neocog.explain.histograms import Moment as Moment
    from neocog.explain.histograms import moment as moment
    from neocog.explain.histograms_figure import draw_histograms as draw_histograms
    from neocog.explain.hog import Spoken as Spoken
    from neocog.explain.hog import Strokes as Strokes
    from neocog.explain.hog import draw_strokes as draw_strokes
    from neocog.explain.hog import spoken as spoken
    from neocog.explain.hog import strokes as strokes
    from neocog.explain.inside import input_of as input_of
    from neocog.explain.inside import pixels_of as pixels_of
    from neocog.explain.inside import undisturbed as undisturbed
    from neocog.explain.inside import values_at as values_at
    from neocog.explain.inversion import Inversion as Inversion
    from neocog.explain.inversion import InversionSettings as InversionSettings
    from neocog.explain.inversion import invert as invert
    from neocog.explain.inversion import invert_layers as invert_layers
    from neocog.explain.inversion_figure import draw_inversion as draw_inversion
    from neocog.explain.linear import Templates as Templates
    from neocog.explain.linear import templates as templates
    from neocog.explain.maps import Planes as Planes
    from neocog.explain.maps import default_layers as default_layers
    from neocog.explain.maps import planes as planes
    from neocog.explain.maximisation import AscentSettings as AscentSettings
    from neocog.explain.maximisation import Best as Best
    from neocog.explain.maximisation import Maxima as Maxima
    from neocog.explain.maximisation import best_of as best_of
    from neocog.explain.maximisation import maximise as maximise
    from neocog.explain.maximisation_figure import draw_maxima as draw_maxima
    from neocog.explain.methods import METHODS as METHODS
    from neocog.explain.methods import Method as Method
    from neocog.explain.nearest import Nearest as Nearest
    from neocog.explain.nearest import nearest_pictures as nearest_pictures
    from neocog.explain.nearest_figure import draw_nearest as draw_nearest
    from neocog.explain.nines import draw_top as draw_top
    from neocog.explain.norms import BatchNormed as BatchNormed
    from neocog.explain.norms import Damped as Damped
    from neocog.explain.norms import norm_layers as norm_layers
    from neocog.explain.norms import normalisation as normalisation
    from neocog.explain.norms_figure import draw_norms as draw_norms
    from neocog.explain.occlusion import Occlusion as Occlusion
    from neocog.explain.occlusion import occlude as occlude
    from neocog.explain.occlusion import occluding as occluding
    from neocog.explain.occlusion_figure import draw_occlusion as draw_occlusion
    from neocog.explain.patches import Exemplars as Exemplars
    from neocog.explain.patches import boxes_of as boxes_of
    from neocog.explain.patches import exemplars as exemplars
    from neocog.explain.patches import telling_maps as telling_maps
    from neocog.explain.placing import Box as Box
    from neocog.explain.placing import on_picture as on_picture
    from neocog.explain.responses import Responses as Responses
    from neocog.explain.responses import layer_responses as layer_responses
    from neocog.explain.responses_figure import draw_responses as draw_responses
    from neocog.explain.rules import RULES as RULES
    from neocog.explain.rules import backward as backward
    from neocog.explain.rules import undefined as undefined
    from neocog.explain.sanity import Badge as Badge
    from neocog.explain.sanity import badge as badge
    from neocog.explain.sanity import randomisation as randomisation
    from neocog.explain.targets import Target as Target
    from neocog.explain.targets import classes as classes
    from neocog.explain.top import Top as Top
    from neocog.explain.top import Winners as Winners
    from neocog.explain.top import natural_layers as natural_layers
    from neocog.explain.top import spatial_layers as spatial_layers
    from neocog.explain.top import strongest as strongest
    from neocog.explain.veil import Veil as Veil

_HOME = {
    "draw_correspondence": "correspondence",
    "Correspondence": "correspondence",
    "read_boxes": "hidden",
    "object_and_rest": "hidden",
    "Veil": "veil",
    "draw_occlusion": "occlusion_figure",
    "occluding": "occlusion",
    "occlude": "occlusion",
    "Occlusion": "occlusion",
    "Evolution": "evolution",
    "evolve": "evolution",
    "snapshots": "evolution",
    "draw_evolution": "film",
    "map_features": "feature_map",
    "normalisation": "norms",
    "layer_responses": "responses",
    "Flow": "flow",
    "gradient_flow": "flow",
    "draw_flow": "flow_figure",
    "Responses": "responses",
    "draw_responses": "responses_figure",
    "BatchNormed": "norms",
    "Damped": "norms",
    "norm_layers": "norms",
    "draw_norms": "norms_figure",
    "Idle": "dead",
    "dead_units": "dead",
    "draw_dead": "dead_figure",
    "Moment": "histograms",
    "moment": "histograms",
    "draw_histograms": "histograms_figure",
    "Nearest": "nearest",
    "nearest_pictures": "nearest",
    "draw_nearest": "nearest_figure",
    "FeatureMap": "feature_map",
    "draw_map": "feature_map_figure",
    "Batch": "feeding",
    "batches": "feeding",
    "noise": "feeding",
    "UnitField": "fields",
    "unit_field": "fields",
    "unit_fields": "fields",
    "Box": "placing",
    "on_picture": "placing",
    "draw_fields": "fields_figure",
    "EffectiveField": "effective",
    "effective_field": "effective",
    "initial_field": "effective",
    "draw_effective": "effective_figure",
    "Inversion": "inversion",
    "InversionSettings": "inversion",
    "invert": "inversion",
    "invert_layers": "inversion",
    "AscentSettings": "maximisation",
    "Best": "maximisation",
    "Maxima": "maximisation",
    "best_of": "maximisation",
    "maximise": "maximisation",
    "draw_inversion": "inversion_figure",
    "draw_maxima": "maximisation_figure",
    "Filters": "filters",
    "draw_filters": "filter_sheet",
    "filters_of": "filters",
    "relu_of": "filters",
    "Attribution": "attribution",
    "attribute": "attribution",
    "baseline_of": "baselines",
    "cam_layer": "cam",
    "draw_attribution": "attribution_figure",
    "draw_comparison": "attribution_figure",
    "METHODS": "methods",
    "Method": "methods",
    "Badge": "sanity",
    "badge": "sanity",
    "randomisation": "sanity",
    "Top": "top",
    "Winners": "top",
    "natural_layers": "top",
    "spatial_layers": "top",
    "strongest": "top",
    "Exemplars": "patches",
    "boxes_of": "patches",
    "exemplars": "patches",
    "telling_maps": "patches",
    "draw_top": "nines",
    "LESSONS": "classroom",
    "Lesson": "classroom",
    "lesson": "classroom",
    "Projection": "deconvnet",
    "liveliest": "deconvnet",
    "project": "deconvnet",
    "draw_projection": "draw_deconvnet",
    "RULES": "rules",
    "backward": "rules",
    "undefined": "rules",
    "draw_planes": "draw",
    "draw_templates": "draw",
    "input_of": "inside",
    "pixels_of": "inside",
    "undisturbed": "inside",
    "values_at": "inside",
    "Planes": "maps",
    "default_layers": "maps",
    "planes": "maps",
    "Spoken": "hog",
    "Strokes": "hog",
    "draw_strokes": "hog",
    "spoken": "hog",
    "strokes": "hog",
    "Target": "targets",
    "classes": "targets",
    "Templates": "linear",
    "templates": "linear",
}

__all__ = list(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]
__getattr__ = lazy(__name__, _HOME)
